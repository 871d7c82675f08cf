"""Suites are found by name or by folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import ConfigError, NotFoundError
from daemon.evaluation.measuring.measurements import MEASUREMENTS
from daemon.evaluation.suites.suite_files import DEFAULT_NAMES, MEDIA, find_suites, name_of, shipped_names

OWN = 'description = "Mine"\n[[case]]\nname = "dog"\nmedia = ["dog.jpg"]\nask = "What?"\ncontains = "dog"\n'


def own_folder(folder: Path, text: str = OWN) -> Path:
    folder.mkdir()
    (folder / "suite.toml").write_text(text)
    (folder / "dog.jpg").write_bytes(b"")
    return folder


def test_every_shipped_suite_is_good() -> None:
    suites = find_suites(shipped_names(), measures=MEASUREMENTS)
    assert {suite.name for suite in suites} >= set(DEFAULT_NAMES) | {"performance", "photographs"}
    assert all(suite.description for suite in suites)


def test_without_names_the_default_suites_are_found_in_order() -> None:
    assert tuple(suite.name for suite in find_suites([], measures=MEASUREMENTS)) == DEFAULT_NAMES


def test_every_shipped_file_of_media_is_used() -> None:
    used = {
        name for suite in find_suites(shipped_names(), measures=MEASUREMENTS) for c in suite.cases for name in c.media
    }
    assert {file.name for file in MEDIA.iterdir()} <= used


def test_every_shipped_case_names_its_row_of_the_plan() -> None:
    suites = find_suites(shipped_names(), measures=MEASUREMENTS)
    assert [case.name for suite in suites for case in suite.cases if not case.plan] == []


def test_every_measurement_is_in_a_shipped_suite() -> None:
    suites = find_suites(shipped_names(), measures=MEASUREMENTS)
    assert {case.measure for suite in suites for case in suite.cases if case.measure} == set(MEASUREMENTS)


def test_a_folder_of_ones_own_works_the_same(tmp_path: Path) -> None:
    (suite,) = find_suites([str(own_folder(tmp_path / "My Pictures"))], measures=[])
    assert (suite.name, suite.media_folder) == ("my-pictures", tmp_path / "My Pictures")


def test_a_folder_never_takes_the_name_of_a_shipped_suite(tmp_path: Path) -> None:
    assert name_of(tmp_path / "image") == "image-folder"


def test_a_folder_without_a_suite_gets_an_example(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no file suite\.toml") as error:
        find_suites([str(tmp_path)], measures=[])
    assert "[[case]]" in error.value.advice


def test_an_unknown_name_is_answered_with_the_suites() -> None:
    with pytest.raises(NotFoundError, match="no suite and no folder 'imge'") as error:
        find_suites(["imge"], measures=[])
    assert "image" in error.value.advice


def test_all_mistakes_of_a_file_are_in_one_error(tmp_path: Path) -> None:
    folder = own_folder(tmp_path / "mine", OWN.replace("dog.jpg", "../dog.jpg").replace("contains", "contians"))
    with pytest.raises(ConfigError) as error:
        find_suites([str(folder)], measures=[])
    assert "line 4" in str(error.value)
    assert "line 6" in str(error.value)


def test_two_folders_of_one_name_are_told_apart_by_nobody(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    folders = [str(own_folder(tmp_path / parent / "mine")) for parent in "ab"]
    with pytest.raises(ConfigError, match="Two suites have the name mine"):
        find_suites(folders, measures=[])
