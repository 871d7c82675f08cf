from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import MetaData, create_engine, insert, inspect

import storage.evaluation.evaluation_tables  # noqa: F401 - its tables are in the metadata, too
from config.errors import NotFoundError
from storage import migrations
from storage.db import postgres_backend
from storage.db.database import Database, open_database
from storage.db.tables import daemon_state, metadata
from storage.errors import BusyError, DiskFullError, StorageError, TransientError, UnreachableError
from storage.health import problems
from storage.jobs.store import JobStore
from storage.library import Library
from storage.records import Refusal
from storage.status.board import StatusBoard
from storage.status.values import DaemonStatus
from tests.fakes.clock import FakeClock
from tests.support.files import MODEL, SPEC, new_file
from tests.support.postgres import Server, common_server
from tests.support.schemas import next_schema, opened_twice_at_once

NOWHERE = "postgresql://somebody@/name?host=/nowhere"


@pytest.fixture
def server() -> Server:
    return common_server()


@pytest.fixture
def address(server: Server) -> Iterator[str]:
    """The address of an empty database."""
    with server.new_database() as address:
        yield address


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    with server.new_database("empty") as address, closing(open_database(address)) as database:
        yield database


def name_of(address: str) -> str:
    return address.split("/")[3].split("?")[0]


def schema(address: str) -> dict[str, object]:
    """Tables with their columns, indexes and checks; not alembic's own."""
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(address))
    found = inspect(engine)
    tables: dict[str, object] = {
        table: (
            [(column["name"], str(column["type"]), column["nullable"]) for column in found.get_columns(table)],
            found.get_indexes(table),
            found.get_unique_constraints(table),
            found.get_check_constraints(table),
            found.get_foreign_keys(table),
        )
        for table in found.get_table_names()
        if table != "alembic_version"
    }
    engine.dispose()
    return tables


def believed_in() -> MetaData:
    """The tables, with the conditions of their indexes for PostgreSQL too."""
    believed = MetaData()
    for table in metadata.sorted_tables:
        for index in table.to_metadata(believed).indexes:
            index.dialect_kwargs["postgresql_where"] = index.dialect_options["sqlite"]["where"]
    return believed


class TestOpening:
    def test_a_new_database_has_the_tables_of_the_code(self, server: Server, address: str) -> None:
        open_database(address).close()
        with server.new_database() as other:
            engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(other))
            believed_in().create_all(engine)
            engine.dispose()
            assert schema(address) == schema(other)

    def test_without_tables_there_is_nothing_to_read_and_none_are_made(self, address: str) -> None:
        with pytest.raises(NotFoundError) as caught:
            open_database(address, read_only=True)
        assert "smolwatch run" in caught.value.advice
        assert schema(address) == {}

    def test_two_that_start_at_once_make_one_database(self, address: str) -> None:
        assert opened_twice_at_once(address) == []

    def test_a_step_that_fails_leaves_the_database_as_it_was(self, address: str, tmp_path: Path) -> None:
        open_database(address).close()
        today = schema(address)
        with pytest.raises(ZeroDivisionError):
            open_database(address, migrations=next_schema(tmp_path / "steps", then="1 / 0"))
        assert schema(address) == today
        open_database(address).close()

    def test_an_older_one_is_migrated(self, address: str, tmp_path: Path) -> None:
        open_database(address).close()
        steps = next_schema(tmp_path / "steps")
        with pytest.raises(StorageError, match="is required"):
            open_database(address, read_only=True, migrations=steps)
        open_database(address, migrations=steps).close()
        assert "halfway" in schema(address)
        with pytest.raises(StorageError, match=f"supports up to {migrations.HEAD}") as caught:
            open_database(address)
        assert (caught.value.exit_code, "pg_dump" in caught.value.advice) == (78, True)

    def test_one_with_tables_of_others_is_refused_and_left_alone(self, server: Server, address: str) -> None:
        server.execute("CREATE TABLE recipes (name TEXT)", name_of(address))
        with pytest.raises(StorageError, match="not one of smolwatch") as caught:
            open_database(address)
        assert "createdb" in caught.value.advice
        assert list(schema(address)) == ["recipes"]

    def test_one_that_cannot_hold_every_text_is_refused(self, server: Server) -> None:
        server.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
        with pytest.raises(StorageError, match="LATIN1") as caught:
            open_database(server.address("latin"))
        server.execute("DROP DATABASE latin")
        assert "--encoding UTF8" in caught.value.advice

    def test_a_user_without_the_right_to_create_tables_gets_advice(self, server: Server, address: str) -> None:
        server.execute("CREATE ROLE guest LOGIN")
        with pytest.raises(StorageError, match="permission denied") as caught:
            open_database(address.replace("smolwatch@", "guest@"))
        server.execute("DROP ROLE guest")
        assert (caught.value.exit_code, "--owner USER" in caught.value.advice) == (78, True)

    @pytest.mark.parametrize("place", ["postgresql://somebody@127.0.0.1:1/name", NOWHERE])
    def test_a_missing_server_can_come_back(self, place: str) -> None:
        with pytest.raises(UnreachableError, match="cannot be reached") as caught:
            open_database(place)
        assert caught.value.exit_code == 1
        assert place in str(caught.value)

    def test_an_invalid_address_is_reported(self) -> None:
        with pytest.raises(StorageError, match="is invalid") as caught:
            open_database("postgresql://somebody@host/name?colour=blue")
        assert (caught.value.exit_code, "database.url" in caught.value.advice) == (78, True)

    def test_without_its_driver_the_error_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules, "storage.db.postgres_backend")
        monkeypatch.setitem(sys.modules, "psycopg", None)
        with pytest.raises(StorageError, match="driver") as caught:
            open_database(NOWHERE)
        assert "smolwatch[postgres]" in caught.value.advice


class TestTransactions:
    def test_a_reader_sees_one_snapshot_while_a_writer_writes(self, database: Database) -> None:
        library = Library(database)
        with database.write() as connection:
            connection.execute(insert(daemon_state).values(key="daemon", value={"pid": 1}))
            assert library.status.daemon().pid is None
        assert library.status.daemon().pid == 1

    def test_a_reader_keeps_the_snapshot_that_it_started_with(self, database: Database) -> None:
        with database.read() as connection:
            assert connection.execute(daemon_state.select()).all() == []
            StatusBoard(database, "").post(DaemonStatus())
            assert connection.execute(daemon_state.select()).all() == []

    def test_a_writer_sees_everything_written_before_its_lock(self, server: Server) -> None:
        with server.new_database("empty") as address:
            server.execute(f"ALTER DATABASE {name_of(address)} SET default_transaction_isolation = 'serializable'")
            with closing(open_database(address)) as database:
                with database.write() as connection:
                    assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "read committed"
                with database.read() as connection:
                    assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "repeatable read"

    def test_a_block_that_raises_changes_nothing(self, database: Database) -> None:
        with pytest.raises(ZeroDivisionError), database.write() as connection:
            connection.execute(insert(daemon_state).values(key="daemon", value={}))
            raise ZeroDivisionError
        assert Library(database).status.daemon() == DaemonStatus()

    def test_a_writer_that_keeps_the_lock_is_reported(self, server: Server) -> None:
        with (
            server.new_database("empty") as address,
            closing(open_database(address)) as rival,
            closing(open_database(address, busy_seconds=0.1)) as database,
            rival.write(),
        ):
            with pytest.raises(BusyError, match="held by another program"):
                database.check_lock()
            assert Library(database).jobs() == []

    def test_one_opened_for_reading_cannot_write(self, server: Server) -> None:
        with (
            server.new_database("empty") as address,
            closing(open_database(address, read_only=True)) as database,
            pytest.raises(StorageError, match="read-only"),
        ):
            StatusBoard(database, "").post(DaemonStatus())

    def test_a_write_that_changes_nothing_is_a_write(self, database: Database) -> None:
        database.check_writing()
        with database.write() as connection:
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            with pytest.raises(StorageError, match="read-only"), database.backend.translate_errors():
                connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")

    def test_texts_that_a_server_cannot_store_are_escaped(self, database: Database) -> None:
        clock = FakeClock()
        refusal = Refusal(path=b"/inbox/\xff", code="odd", reason="a\0b \udcff", at=clock.now())
        JobStore(database, clock.now).refuse(refusal)
        kept = Library(database).refusal(b"/inbox/\xff")
        assert kept and kept.reason == "a\\x00b \\udcff"

    def test_its_rules_are_checked_too(self, database: Database) -> None:
        JobStore(database, FakeClock().now).admit(new_file(), spec=SPEC, model=MODEL, max_attempts=3)
        assert problems(database) == []
        with database.write() as connection:
            connection.exec_driver_sql("DELETE FROM events")
        assert problems(database) == ["Job 1: in another state than its last event."]


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        ("08006", UnreachableError),
        ("57P01", UnreachableError),
        ("57P03", UnreachableError),
        ("25P03", UnreachableError),
        ("53300", UnreachableError),
        ("55P03", BusyError),
        ("57014", BusyError),
        ("40P01", BusyError),
        ("53100", DiskFullError),
        ("53200", TransientError),
        ("25006", StorageError),
        ("42501", StorageError),
        ("XX001", StorageError),
    ],
)
def test_server_errors_become_storage_errors(code: str, ours: type[StorageError]) -> None:
    error = psycopg.errors.lookup(code)("message")
    assert type(postgres_backend.translate("x", error)) is ours


@pytest.mark.parametrize("code", ["23505", "42601", "22003"])
def test_our_own_mistakes_are_not_converted(code: str) -> None:
    assert postgres_backend.translate("x", psycopg.errors.lookup(code)("message")) is None
