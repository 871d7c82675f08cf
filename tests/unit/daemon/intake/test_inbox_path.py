from __future__ import annotations

import os
from pathlib import Path

import pytest

from config.errors import ConfigError, NotFoundError
from config.load import load_settings, prepare_home
from config.settings import Settings
from daemon.intake.inbox_path import check_inboxes, inbox_error


def settings_with(home: Path, inbox: Path | str | None) -> Settings:
    settings = load_settings(home=home, overrides={"inbox.path": None if inbox is None else str(inbox)}, environ={})
    prepare_home(settings)
    return settings


@pytest.mark.parametrize(
    ("inbox", "reason"),
    [
        ("/", "is the root of the disk"),
        ("//", "is the root of the disk"),
        ("{home}", "is smolwatch's own home"),
        ("{home}/../home/", "is smolwatch's own home"),
        ("{home}/data", "belongs to smolwatch's own files"),
        ("{home}/logs", "belongs to smolwatch's own files"),
        ("{home}/config/pictures", "belongs to smolwatch's own files"),
        ("{tmp}/file.txt", "is a file, not a folder"),
        ("{tmp}/link-to-root", "is the root of the disk"),
        ("{tmp}/link-to-home", "is smolwatch's own home"),
    ],
)
def test_what_cannot_be_an_inbox_is_a_configuration_error(tmp_path: Path, inbox: str, reason: str) -> None:
    home = tmp_path / "home"
    (tmp_path / "file.txt").touch()
    (tmp_path / "link-to-root").symlink_to("/")
    (tmp_path / "link-to-home").symlink_to(home)
    settings = settings_with(home, inbox.format(home=home, tmp=tmp_path))
    with pytest.raises(ConfigError, match=reason) as raised:
        check_inboxes(settings)
    assert str(settings.inbox_path) in str(raised.value)
    assert "inbox.path" in raised.value.advice
    assert raised.value.exit_code == 78


def test_a_pipe_is_no_folder_either(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="is a file, not a folder"):
        check_inboxes(settings_with(tmp_path / "home", tmp_path / "pipe"))


def test_a_file_where_the_default_inbox_belongs_is_to_be_moved_away(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "home", environ={})
    settings.home.mkdir()
    settings.inbox_path.touch()
    with pytest.raises(ConfigError, match="is a file, not a folder") as raised:
        check_inboxes(settings)
    assert "Move the file away" in raised.value.advice


@pytest.mark.parametrize("inbox", [None, "{tmp}", "{tmp}/pictures", "{home}/inbox", "{home}/pictures"])
def test_a_folder_is_one_also_when_it_contains_the_home_or_lies_in_it(tmp_path: Path, inbox: str | None) -> None:
    home = tmp_path / "home"
    settings = settings_with(home, inbox and inbox.format(home=home, tmp=tmp_path))
    settings.inbox_path.mkdir(exist_ok=True)
    assert inbox_error(settings, settings.inboxes[0]) is None
    check_inboxes(settings)


def test_a_chosen_folder_that_is_missing_is_reported_and_may_come_later(tmp_path: Path) -> None:
    settings = settings_with(tmp_path / "home", tmp_path / "disk" / "pictures")
    check_inboxes(settings)
    error = inbox_error(settings, settings.inboxes[0])
    assert isinstance(error, NotFoundError)
    assert str(error) == f"{settings.inbox_path} is not there."
    assert "Connect its disk" in error.advice


def test_the_default_inbox_is_created_and_so_not_reported(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "home", environ={})
    assert inbox_error(settings, settings.inboxes[0]) is None
