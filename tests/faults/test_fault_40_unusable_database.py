"""Fault 40: the database is damaged, newer, none of ours, or on a network disk. Real, but for the network's kind.

It is refused with exit code 78, its path and what to do; and it is left as it was.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage import filesystems
from storage.db.database import open_database
from storage.errors import StorageError
from tests.support.processes import DaemonHome
from tests.unit.storage.db.test_database import admit_one


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "data" / "smolwatch.db"
    database = open_database(file)
    for number in range(200):
        admit_one(database, b"/inbox/%d.jpg" % number)
    database.close()
    return file


def is_refused(file: Path, word: str, *, read_only: tuple[bool, ...] = (True, False)) -> None:
    before = {entry.name: entry.read_bytes() for entry in file.parent.iterdir()}
    for reading in read_only:
        with pytest.raises(StorageError, match=word) as caught:
            open_database(file, read_only=reading)
        assert caught.value.exit_code == 78
        assert str(file) in str(caught.value)
        assert str(file) in caught.value.advice
        assert "smolwatch db " in caught.value.advice
    after = {entry.name: entry.read_bytes() for entry in file.parent.iterdir()}
    assert after[file.name] == before[file.name], "the file is left as it was"
    assert not any(name.startswith(f"{file.name}.before") for name in after), "and no copy is made of it"


def test_what_is_no_database(file: Path) -> None:
    file.write_bytes(b"my diary\n" * 500)
    is_refused(file, "not a database")


def test_a_garbled_header(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[:16] = b"\x00" * 16
    file.write_bytes(content)
    is_refused(file, "not a database")


def test_garbled_pages(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096 * 30 :] = b"\xa5" * (len(content) - 4096 * 30)
    file.write_bytes(content)
    is_refused(file, "damaged", read_only=(False,))


def test_a_file_that_was_cut_short(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    is_refused(file, "damaged", read_only=(False,))


def test_a_database_of_another_program(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE jobs (name)")
    is_refused(file, "not one of smolwatch")


def test_a_newer_schema(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    is_refused(file, "9999")


def test_a_network_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystems, "mounts", lambda: [("/", "ext4"), (str(tmp_path.resolve()), "nfs4")])
    file = tmp_path / "home" / "data" / "smolwatch.db"
    with pytest.raises(StorageError, match=r"network disk .nfs4") as caught:
        open_database(file)
    assert caught.value.exit_code == 78
    assert "local disk" in caught.value.advice
    assert not file.exists()


def test_a_disk_that_takes_no_log_though_it_says_so(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    file.with_name(f"{file.name}-shm").mkdir()  # as on a network disk: there is no memory that all could share
    with pytest.raises(StorageError, match=str(file)) as caught:
        open_database(file)
    assert caught.value.exit_code == 78
    assert "local disk" in caught.value.advice


def test_the_daemon_ends_with_78_and_says_which_file(home: DaemonHome) -> None:
    file = home.settings.database_file
    file.write_bytes(b"my diary\n" * 500)
    daemon = home.start()
    _, output = daemon.communicate(timeout=30)
    assert daemon.returncode == 78
    assert str(file) in output
    assert file.read_bytes() == b"my diary\n" * 500
