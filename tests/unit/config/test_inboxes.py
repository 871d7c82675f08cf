from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from config.inboxes import FolderRule, InboxSettings, InboxTable
from config.settings import Settings

HOME = Path("/home/ann/SmolWatch")


def test_without_inbox_tables_there_is_one_inbox_in_the_home() -> None:
    (inbox,) = Settings(home=HOME).inboxes
    assert (inbox.name, inbox.path, inbox.recipe, inbox.detail) == ("inbox", HOME / "inbox", "default", None)
    assert (inbox.formats, inbox.output, inbox.patterns) == (("json", "md"), None, ())


def test_an_inbox_has_the_recipe_of_the_top_level_unless_it_chooses_its_own() -> None:
    tables = (InboxTable(path=Path("/a")), InboxTable(path=Path("/b"), recipe="brief", detail="full"))
    settings = Settings(home=HOME, recipe="document", inbox_tables=tables)
    assert [(inbox.recipe, inbox.detail) for inbox in settings.inboxes] == [("document", None), ("brief", "full")]


def test_an_inbox_is_named_after_its_folder_unless_it_has_a_name() -> None:
    tables = (InboxTable(path=Path("/disk/Photos")), InboxTable(path=Path("/b"), name="lectures"))
    assert [inbox.name for inbox in Settings(home=HOME, inbox_tables=tables).inboxes] == ["Photos", "lectures"]


@pytest.mark.parametrize("glob", ["", " ", "scans/*.png", "[ab"])
def test_a_glob_that_matches_no_file_name_is_an_error(glob: str) -> None:
    with pytest.raises(ValidationError):
        InboxSettings(patterns=(glob,))


@pytest.mark.parametrize("glob", ["*.jpg", "IMG_[0-9]*", "[[]draft] *", "a]b"])
def test_other_globs_of_file_names_are_not(glob: str) -> None:
    assert InboxSettings(patterns=(glob,)).patterns == (glob,)


@pytest.mark.parametrize("glob", ["", "/scans", "scans/", "a//b", "../b", "./b", "a**/b", "[ab"])
def test_a_glob_that_matches_no_folder_below_an_inbox_is_an_error(glob: str) -> None:
    with pytest.raises(ValidationError):
        FolderRule(match=glob, recipe="document")


@pytest.mark.parametrize("glob", ["scans", "scans/**", "**/scans", "20??/*", "**"])
def test_other_globs_of_folders_are_not(glob: str) -> None:
    assert FolderRule(match=glob, recipe="document").match == glob
