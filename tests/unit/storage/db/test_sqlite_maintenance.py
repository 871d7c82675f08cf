from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from storage.db.database import Database, open_database
from storage.db.sqlite import connect
from storage.db.sqlite_maintenance import back_up, shrink
from storage.errors import BackupError, BusyError, ForeignFileError
from storage.library import Library
from tests.unit.storage.db.test_database import admit_one


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    (tmp_path / "copies with % and ü").mkdir()
    return tmp_path / "copies with % and ü" / "copy.db"


def jobs_in(file: Path) -> int:
    database = open_database(file)
    try:
        return len(Library(database).jobs())
    finally:
        database.close()


def test_a_copy_is_whole_though_the_database_is_open_and_written(database: Database, copy: Path) -> None:
    admit_one(database)
    with closing(sqlite3.connect(Path(database.name), isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM events")
        back_up(Path(database.name), copy)
        writer.execute("ROLLBACK")
    assert [entry.name for entry in copy.parent.iterdir()] == ["copy.db"], "one file by itself"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert jobs_in(copy) == 1


def test_an_older_copy_is_replaced(database: Database, copy: Path) -> None:
    back_up(Path(database.name), copy)
    admit_one(database)
    back_up(Path(database.name), copy)
    assert jobs_in(copy) == 1


@pytest.mark.parametrize("stands", ["text", "database", "folder", "link", "in use"])
def test_a_file_that_is_no_backup_is_never_replaced(database: Database, copy: Path, stands: str) -> None:
    if stands == "text":
        copy.write_text("my diary\n" * 500)
    elif stands == "database":
        with closing(sqlite3.connect(copy)) as other:
            other.execute("CREATE TABLE songs (name)")
    elif stands == "folder":
        copy.mkdir()
    elif stands == "link":
        back_up(Path(database.name), copy.with_name("real.db"))
        copy.symlink_to("real.db")
    else:
        copy.with_name("copy.db-wal").write_bytes(b"pages of another database")
    before = {entry: entry.read_bytes() for entry in copy.parent.iterdir() if entry.is_file()}
    with pytest.raises(ForeignFileError):
        back_up(Path(database.name), copy)
    assert {entry: entry.read_bytes() for entry in copy.parent.iterdir() if entry.is_file()} == before


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
def test_the_database_itself_cannot_be_the_target(database: Database, suffix: str) -> None:
    (Path(database.name).parent / "here").symlink_to(".")
    for folder in (Path(database.name).parent, Path(database.name).parent / "here"):
        with pytest.raises(BackupError, match="itself"):
            back_up(Path(database.name), folder / f"smolwatch.db{suffix}")


def test_a_copy_that_cannot_be_written_is_reported(database: Database, copy: Path) -> None:
    with pytest.raises(BackupError, match="No such file"):
        back_up(Path(database.name), copy.parent / "missing" / "copy.db")


def test_shrinking_returns_space_and_keeps_every_row(database: Database) -> None:
    for number in range(300):
        admit_one(database, b"/inbox/%0200d.jpg" % number)
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM events")
        connection.exec_driver_sql("DELETE FROM jobs WHERE id > 1")
        connection.exec_driver_sql("DELETE FROM paths WHERE id > 1")
    database.close()
    open_database(Path(database.name)).close()
    before = Path(database.name).stat().st_size
    shrink(Path(database.name))
    assert Path(database.name).stat().st_size < before / 2
    assert jobs_in(Path(database.name)) == 1


def test_shrinking_during_a_write_changes_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    assert connect.__kwdefaults__ is not None
    monkeypatch.setitem(connect.__kwdefaults__, "busy_seconds", 0.01)
    with database.write(), pytest.raises(BusyError):
        shrink(Path(database.name))
