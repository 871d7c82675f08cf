from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from config.load import load_settings
from daemon.lock import HomeLock
from storage.db.database import open_database
from storage.library import Library
from tests.support.intake_home import PNG
from tests.support.lost_database import CAPTION, describe
from tests.support.postgres import common_server
from tests.unit.cli.conftest import CliHome


def test_a_backup_is_written_to_the_given_file_while_the_daemon_runs(home: CliHome, tmp_path: Path) -> None:
    home.describe()
    with HomeLock(home.settings.lock_file):
        result = home.invoke("db", "backup", str(tmp_path / "copy.db"))
    assert result.exit_code == 0
    assert str(tmp_path / "copy.db") in result.stdout
    copy = open_database(tmp_path / "copy.db")
    assert len(Library(copy).jobs()) == 1
    copy.close()


def test_without_a_file_it_goes_to_the_home_readable_by_the_owner_only(home: CliHome) -> None:
    home.describe()
    assert home.invoke("db", "backup").exit_code == 0
    folder = home.settings.database_file.parent / "backups"
    (copy,) = folder.iterdir()
    assert copy.name.startswith("smolwatch-2")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, copy)] == [0o700, 0o600]


def test_a_file_that_is_not_a_backup_is_left_alone(home: CliHome, tmp_path: Path) -> None:
    home.describe()
    (tmp_path / "diary.db").write_text("my diary")
    result = home.invoke("db", "backup", str(tmp_path / "diary.db"))
    assert result.exit_code == 1
    assert "not a smolwatch backup" in result.stderr
    assert (tmp_path / "diary.db").read_text() == "my diary"


def test_a_sound_database_is_ok(home: CliHome) -> None:
    home.describe()
    result = home.invoke("db", "check")
    assert result.exit_code == 0
    assert result.stdout.endswith("check     ok\n")
    report = json.loads(home.invoke("db", "check", "--json").stdout)
    assert (report["problems"], report["database"]) == ([], str(home.settings.database_file))
    assert report["wal_reset_bug"] == ("bug" in result.stdout)


def test_an_inconsistency_is_reported_with_exit_code_1(home: CliHome) -> None:
    home.describe()
    assert home.database
    with home.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM events")
    result = home.invoke("db", "check")
    assert result.exit_code == 1
    assert "in another state than its last event" in result.stdout
    assert json.loads(home.invoke("db", "check", "--json").stdout)["problems"]


def test_damaged_pages_are_reported_with_exit_code_1(home: CliHome) -> None:
    for number in range(200):
        home.queue(f"{number}.jpg")
    assert home.database
    home.database.close()
    file = home.settings.database_file
    content = bytearray(file.read_bytes())
    kept = 4096 * 60  # the pages of the schema
    content[kept:] = b"\xa5" * (len(content) - kept)
    file.write_bytes(content)
    result = home.invoke("db", "check")
    assert result.exit_code == 1
    assert "amaged" in result.stdout


def test_vacuum_reports_the_sizes_and_is_refused_while_the_daemon_runs(home: CliHome) -> None:
    home.describe()
    assert home.invoke("db", "vacuum").exit_code == 0
    with HomeLock(home.settings.lock_file):
        result = home.invoke("db", "vacuum")
    assert result.exit_code == 75
    assert "Stop the daemon first, then try again." in result.stderr


def test_without_a_database_there_is_nothing_to_do(home: CliHome) -> None:
    for word in ("backup", "check", "vacuum"):
        assert home.invoke("db", word).exit_code == 3


@pytest.fixture
def served(home: CliHome) -> Iterator[CliHome]:
    """Its database is on a server."""
    with common_server().new_database("empty") as address:
        home.settings.config_file.write_text(f'[database]\nurl = "{address}"\n')
        yield replace(home, settings=load_settings(home=home.settings.home, environ={}))


def test_a_servers_database_is_checked_too(served: CliHome) -> None:
    with closing(open_database(served.settings.database_place)) as served.database:
        served.describe()
        result = served.invoke("db", "check")
        assert (result.exit_code, result.stdout.splitlines()[1]) == (0, "check     ok")
        report = json.loads(served.invoke("db", "check", "--json").stdout)
        assert report == {"database": served.settings.database_place, "problems": []}
        assert "A beach." in served.invoke("show", "1").stdout
    assert not served.settings.database_file.exists()


def test_backup_and_vacuum_of_a_servers_database_are_left_to_the_server(served: CliHome) -> None:
    for word in ("backup", "vacuum"):
        result = served.invoke("db", word)
        assert result.exit_code == 1
        assert "pg_dump" in result.stderr


def test_a_file_that_is_no_database_is_78(home: CliHome) -> None:
    home.settings.database_file.write_bytes(b"my diary\n" * 500)
    for word in ("backup", "check", "vacuum"):
        assert home.invoke("db", word).exit_code == 78


class TestRebuild:
    """The database is lost, the sidecars exist."""

    @pytest.fixture
    def lost(self, home: CliHome) -> CliHome:
        for name, content in (("a.png", PNG), ("b.png", PNG + b"b")):
            describe(home.inbox.resolve() / name, content, CAPTION)
        (home.inbox / "new.png").write_bytes(PNG + b"new")
        return home

    def test_it_reports_what_was_restored_and_what_was_not(self, lost: CliHome) -> None:
        result = lost.invoke("db", "rebuild")
        assert result.exit_code == 0
        assert result.stdout == (
            "Restored the descriptions of 2 files from the sidecars.\n"
            "Not restored, 1 file: no sidecar.\n"
            "To describe them: smolwatch run\n"
        )
        assert CAPTION in lost.invoke("ls").stdout
        assert json.loads(lost.invoke("db", "rebuild", "--json").stdout) == {
            "taken_back": 0,
            "known": 2,
            "not_taken_back": {"none": 1},
        }

    def test_not_while_the_daemon_runs(self, lost: CliHome) -> None:
        with HomeLock(lost.settings.lock_file):
            assert lost.invoke("db", "rebuild").exit_code == 75

    def test_over_postgresql(self, lost: CliHome, monkeypatch: pytest.MonkeyPatch) -> None:
        with common_server().new_database("empty") as address:
            monkeypatch.setenv("SMOLWATCH_DATABASE__URL", address)
            reports = [json.loads(lost.invoke("db", "rebuild", "--json").stdout) for _ in range(2)]
        assert [(report["taken_back"], report["known"]) for report in reports] == [(2, 0), (0, 2)]
