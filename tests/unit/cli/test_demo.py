from __future__ import annotations

import os
from pathlib import Path

import pytest

from cli.commands.demo import (
    Outcome,
    ask,
    check_engine,
    demo_environment,
    new_outcomes,
    program_as_typed,
    report,
    report_answer,
)
from cli.samples import FOLDER, SAMPLE_QUESTION, Sample, copy_into_inbox, shipped_samples
from config.errors import ModelUnavailableError
from daemon.lock import HomeLock
from storage.lifecycle import Cause
from storage.status.values import DaemonStatus, EngineStatus
from tests.support.demo_world.samples import SCENES
from tests.support.demo_world.world import Film, Picture
from tests.unit.cli.conftest import CliHome

PID = 4711


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    return [Sample(tmp_path / "a.jpg", "A red star."), Sample(tmp_path / "b.jpg", "A blue star.")]


def test_the_shipped_samples_are_those_that_are_drawn() -> None:
    assert {sample.name: sample.caption for sample in shipped_samples()} == {
        name: scene.caption for name, scene in SCENES.items()
    }
    assert all(sample.file.stat().st_size for sample in shipped_samples())
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 600_000


def test_the_samples_show_every_kind_of_motion_and_no_name_reveals_it() -> None:
    motions = {scene.motion.split()[0] for scene in SCENES.values() if isinstance(scene, Film)}
    assert motions == {"moves", "turns", "stays", "appears", "disappears"}
    for name, scene in SCENES.items():
        assert not set(name.lower().split()) & set(scene.caption.lower().split())


def test_a_dropped_sample_is_whole_and_one_that_is_there_is_left(tmp_path: Path) -> None:
    first, second, *_ = shipped_samples()
    (tmp_path / first.name).write_bytes(b"mine")
    copy_into_inbox([first, second], tmp_path)
    assert (tmp_path / first.name).read_bytes() == b"mine"
    assert (tmp_path / second.name).read_bytes() == second.file.read_bytes()


def test_only_exact_captions_are_true(samples: list[Sample], capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = {"a.jpg": Outcome("A red star.", 1.5), "b.jpg": Outcome("A red star.", 0.5)}
    assert report(samples, outcomes) == 1
    shown = capsys.readouterr().out
    assert "drawn: A blue star." in shown
    assert "1 of 2 captions are true." in shown


def test_the_question_has_the_answer_of_the_world_that_was_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    asked = SAMPLE_QUESTION
    scene = SCENES[asked.name]
    assert isinstance(scene, Picture)
    assert (asked.question, asked.answer) in scene.questions()
    assert report_answer(asked, asked.answer)
    assert not report_answer(asked, "Two.")
    assert capsys.readouterr().out.splitlines() == [
        f'Asked about {asked.name}: "{asked.question}" Three. (true)',
        f'Asked about {asked.name}: "{asked.question}" Two. (drawn: Three.)',
    ]


def test_without_a_daemon_the_answer_is_the_reason(home: CliHome) -> None:
    assert ask(SAMPLE_QUESTION, home.settings) == "No daemon is running for this home."


def test_a_missing_outcome_is_not_true(samples: list[Sample], capsys: pytest.CaptureFixture[str]) -> None:
    assert report(samples, {"a.jpg": Outcome("A red star.", 1.5)}) == 1
    assert "not finished" in capsys.readouterr().out


def test_outcomes_come_once_each_as_jobs_end(home: CliHome, samples: list[Sample]) -> None:
    assert new_outcomes(samples, {}, home.settings, PID) == {}, "there is no database yet"
    home.queue("a.jpg", b"a")
    assert new_outcomes(samples, {}, home.settings, PID) == {}, "it is only queued"
    home.store.fail(home.claim(), code="unreadable", reason="The file is damaged.", cause=Cause.INPUT)
    home.describe("b.jpg", b"b", caption="A blue star.")
    found = new_outcomes(samples, {}, home.settings, PID)
    assert found == {"a.jpg": Outcome(reason="The file is damaged."), "b.jpg": Outcome("A blue star.", 2.6)}
    assert new_outcomes(samples, found, home.settings, PID) == {}


def test_an_engine_that_cannot_describe_ends_the_demo_but_an_earlier_one_does_not(home: CliHome) -> None:
    home.board.post(EngineStatus(state="unavailable", reason="No weights.", advice="Install anew."))
    with home.reading() as library:
        check_engine(library, PID)
    home.board.post(DaemonStatus(state="running", pid=PID))
    with home.reading() as library, pytest.raises(ModelUnavailableError, match=r"No weights\."):
        check_engine(library, PID)


@pytest.mark.parametrize("name", ["SMOLWATCH_INBOX__PATH", "SMOLWATCH_DATABASE__URL", "SMOLWATCH_RECIPE"])
def test_the_demo_uses_its_own_inbox_database_and_recipe_whatever_the_person_has_chosen(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "chosen")
    assert name not in demo_environment()


def test_a_home_that_is_in_use_is_left_alone(home: CliHome) -> None:
    with HomeLock(home.settings.lock_file):
        result = home.invoke("demo")
    assert result.exit_code == 75
    assert str(os.getpid()) in result.stderr
    assert list(home.inbox.iterdir()) == []


def test_what_is_to_be_typed_next_names_the_folder_only_where_the_path_does_not_hold_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program_as_typed(".venv/bin/smolwatch") == ".venv/bin/smolwatch"
    assert program_as_typed("/x/cli/main.py") == "smolwatch"
    (tmp_path / "smolwatch").touch(0o755)
    assert program_as_typed(str(tmp_path / "smolwatch")) == "smolwatch"
