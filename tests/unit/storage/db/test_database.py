from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, insert

import storage.evaluation.evaluation_tables  # noqa: F401 - its tables are in the metadata, too
from config.errors import NotFoundError
from storage import migrations
from storage.db import sqlite_backend
from storage.db.database import Database, open_database
from storage.db.tables import daemon_state, metadata
from storage.errors import BusyError, DiskFullError, StorageError
from storage.jobs.store import JobStore
from storage.library import Library
from tests.fakes.clock import FakeClock
from tests.support.checkout import ROOT
from tests.support.files import MODEL, SPEC, description_of, new_file
from tests.support.schemas import NEXT, as_an_older_version, next_schema, opened_twice_at_once, schema


def admit_one(database: Database, path: bytes = b"/inbox/beach.jpg") -> None:
    JobStore(database, FakeClock().now).admit(new_file(path), spec=SPEC, model=MODEL, max_attempts=3)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a home with % and ü?" / "smolwatch.db"


def test_a_new_database_has_the_tables_of_the_code(file: Path, tmp_path: Path) -> None:
    open_database(file).close()
    other = tmp_path / "other.db"
    engine = create_engine(f"sqlite:///{other}")
    metadata.create_all(engine)
    engine.dispose()

    def tidy(file: Path) -> set[tuple[str, str]]:
        return {(name, " ".join(sql.split())) for name, sql in schema(file) if name != "alembic_version"}

    assert tidy(file) == tidy(other)


def test_the_head_is_the_last_step_there_is() -> None:
    config = Config()
    config.set_main_option("script_location", "storage:migrations")
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [migrations.HEAD]
    assert [step.revision for step in script.walk_revisions()] == sorted(
        (step.revision for step in script.walk_revisions()), reverse=True
    ), "numbers grow: a larger one is a newer one"


def test_only_the_owner_can_read_the_database_and_its_companions(file: Path) -> None:
    file.parent.mkdir()
    file.touch(mode=0o644)
    database = open_database(file)
    admit_one(database)
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in file.parent.iterdir()}
    database.close()
    assert modes == {"smolwatch.db": 0o600, "smolwatch.db-wal": 0o600, "smolwatch.db-shm": 0o600}


def test_every_connection_is_durable_and_checks_foreign_keys(database: Database) -> None:
    with database.write() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys", "fullfsync")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 10000, "foreign_keys": 1, "fullfsync": 1}


def test_what_was_written_is_there_after_a_restart(file: Path) -> None:
    database = open_database(file)
    admit_one(database)
    database.close()
    again = open_database(file)
    assert len(Library(again).jobs()) == 1
    again.close()


def test_a_reader_sees_one_snapshot_while_a_writer_writes(database: Database) -> None:
    library = Library(database)
    with database.write() as connection:
        connection.execute(insert(daemon_state).values(key="daemon", value={"pid": 1}))
        assert library.status.daemon().pid is None
    assert library.status.daemon().pid == 1


def test_a_block_that_raises_changes_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        connection.execute(insert(daemon_state).values(key="daemon", value={"pid": 1}))
        raise ZeroDivisionError
    assert Library(database).status.daemon().pid is None


class TestReadOnly:
    def test_it_reads_while_another_writes_and_cannot_write(self, file: Path) -> None:
        writer = open_database(file)
        reader = open_database(file, read_only=True)
        admit_one(writer)
        assert len(Library(reader).jobs()) == 1
        with pytest.raises(StorageError, match="cannot be read or written"):
            admit_one(reader)
        reader.close()
        writer.close()

    def test_it_reads_what_a_closed_writer_left(self, file: Path) -> None:
        writer = open_database(file)
        admit_one(writer)
        writer.close()
        reader = open_database(file, read_only=True)
        assert len(Library(reader).jobs()) == 1
        reader.close()

    def test_a_missing_file_is_reported_with_advice_and_not_created(self, file: Path) -> None:
        with pytest.raises(NotFoundError) as caught:
            open_database(file, read_only=True)
        assert "smolwatch run" in caught.value.advice
        assert not file.exists()

    def test_an_older_schema_needs_the_daemon_first(self, file: Path, tmp_path: Path) -> None:
        open_database(file).close()
        with pytest.raises(StorageError) as caught:
            open_database(file, read_only=True, migrations=next_schema(tmp_path / "steps"))
        assert "smolwatch run" in caught.value.advice


class TestMigration:
    @pytest.mark.parametrize("older", ["0001", "0002", "0005"])
    def test_a_home_of_every_older_version_keeps_its_descriptions(self, file: Path, tmp_path: Path, older: str) -> None:
        today = tmp_path / "today.db"
        database = open_database(today)
        store = JobStore(database, FakeClock().now)
        admit_one(database)
        claim = store.claim("w", lease_seconds=60)
        assert claim is not None
        store.publish(claim, description_of(new_file()))
        store.finish(claim)
        database.close()
        as_an_older_version(today, file, older)
        upgraded = open_database(file)
        library = Library(upgraded)
        assert library.description(claim.job.id) == description_of(new_file())
        assert [job.id for job in library.jobs_of([claim.job.fingerprint])] == [claim.job.id]
        upgraded.close()
        assert file.with_name(f"smolwatch.db.before-{migrations.HEAD}").exists()

    def test_an_older_database_is_migrated_and_backed_up(self, file: Path, tmp_path: Path) -> None:
        database = open_database(file)
        admit_one(database)
        database.close()
        today = schema(file)
        upgraded = open_database(file, migrations=next_schema(tmp_path / "steps"))
        assert len(Library(upgraded).jobs()) == 1
        upgraded.close()
        assert "halfway" in {name for name, _ in schema(file)}
        copy = file.with_name(f"smolwatch.db.before-{NEXT}")
        assert schema(copy) == today
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        restored = open_database(copy)
        assert len(Library(restored).jobs()) == 1
        restored.close()

    def test_a_step_that_fails_leaves_the_database_as_it_was(self, file: Path, tmp_path: Path) -> None:
        open_database(file).close()
        today = schema(file)
        with pytest.raises(ZeroDivisionError):
            open_database(file, migrations=next_schema(tmp_path / "steps", then="1 / 0"))
        assert schema(file) == today
        open_database(file).close()

    def test_two_that_start_at_once_make_one_database(self, file: Path) -> None:
        assert opened_twice_at_once(file) == []


class TestTrouble:
    def test_a_full_disk_is_named_and_what_was_kept_stays(self, database: Database) -> None:
        admit_one(database)
        with pytest.raises(DiskFullError, match=str(Path(database.name))), database.write() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            connection.execute(insert(daemon_state).values(key="k", value={"text": "x" * 100_000}))
        with database.read() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert len(Library(database).jobs()) == 1

    def test_too_little_room_stops_new_work_but_not_running_work(
        self, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        database = open_database(tmp_path / "smolwatch.db", keep_free=5_000_000)
        store = JobStore(database, clock.now)
        admit_one(database)
        claim = store.claim("w", lease_seconds=60)
        assert claim
        monkeypatch.setattr(sqlite_backend, "free_bytes", lambda folder: 4_999_999)
        with pytest.raises(DiskFullError, match="4 MB free"):
            admit_one(database, b"/inbox/other.jpg")
        with pytest.raises(DiskFullError, match="5 MB required"):
            store.claim("w", lease_seconds=60)
        store.publish(claim, description_of(new_file()))
        store.finish(claim)
        database.close()

    def test_a_writer_that_keeps_the_lock_is_reported(self, database: Database, file: Path) -> None:
        with closing(sqlite3.connect(Path(database.name), isolation_level=None)) as rival:
            rival.execute("BEGIN IMMEDIATE")
            with database.read() as connection:  # the pool gives this connection to the writer below
                connection.exec_driver_sql("PRAGMA busy_timeout = 1")
            with pytest.raises(BusyError), database.write():
                pass
            rival.execute("ROLLBACK")

    def test_a_folder_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "data").write_text("a file where the folder should be")
        with pytest.raises(StorageError, match="cannot be opened"):
            open_database(tmp_path / "data" / "smolwatch.db")


def test_a_query_imports_no_migrations_no_other_driver_and_no_orm(file: Path) -> None:
    open_database(file).close()
    program = f"""
import sys
import threading
from storage.db.database import open_database
from storage.library import Library
from storage.migrations import Migrations
Library(open_database({str(file)!r}, read_only=True)).counts()
print(sorted({{"alembic", "sqlalchemy.orm", "sqlalchemy.dialects.postgresql", "psycopg", "numpy"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        check=True,
        capture_output=True,
        env={**os.environ},
    )
    assert done.stdout.decode().strip() == "[]"


def test_a_thread_that_waits_too_long_for_another_gets_an_error(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "smolwatch.db", busy_seconds=0.01)) as database, database.write():
        raised: list[Exception] = []

        def write() -> None:
            try:
                with database.write():
                    pass
            except BusyError as error:
                raised.append(error)

        other = threading.Thread(target=write)
        other.start()
        other.join(10)
        assert "another thread" in str(raised[0])
