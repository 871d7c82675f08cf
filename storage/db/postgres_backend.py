"""PostgreSQL as a backend: one database on a server that can disappear, come back, or never answer.

A writer takes one lock of the whole database for its transaction, so the guarantees of SQLite's single writer hold here
too. Readers see one snapshot and block no writer. LISTEN and NOTIFY are not used, so no notification can be lost:
callers poll, as on SQLite.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.exc import DBAPIError

from storage.errors import BusyError, DiskFullError, StorageError, TransientError, UnreachableError

CONNECT_SECONDS = 10
#: The server cancels a statement that takes longer.
STATEMENT_SECONDS = 15.0
#: After so long without an answer the server counts as gone; it can die without closing the connection.
ANSWER_SECONDS = 20.0
#: The server ends a transaction that is idle for so long: its lock would block all others.
IDLE_SECONDS = 30.0
#: How soon either side probes an idle connection.
KEEPALIVE = {"idle": 30, "interval": 10, "count": 3}
#: Advisory locks are numbers that all users of one database share: "smol", and the next number.
WRITER_LOCK, DAEMON_LOCK = 0x736D6F6C, 0x736D6F6D

#: Errors by the prefix of their code. https://www.postgresql.org/docs/current/errcodes-appendix.html
AWAY = ("08", "25P03", "53300", "57P")
HELD = ("40", "55P03", "57014")
FULL = ("53100",)
RESOURCES = ("53",)
REFUSED = ("25006", "28", "3D", "3F", "42501")
BROKEN = ("XX",)

TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = %s"
OWN_DATABASE = "Give smolwatch a database of its own: createdb --encoding UTF8 --template template0 --owner USER NAME"
SERVER_LOG = "Check the server's log. Restore a damaged database from a pg_dump backup."
ADDRESS = (
    "Correct database.url in smolwatch.toml; its format: https://www.postgresql.org/docs/current/libpq-connect.html"
)
T = TypeVar("T")


class TimedConnection(psycopg.Connection[Any]):
    """A connection that does not wait for ever: a peer that died silently looks like a slow one."""

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        try:
            return super().wait(gen, interval, ANSWER_SECONDS if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise
            self.pgconn.finish()  # a late answer must not go to the next statement
            raise psycopg.OperationalError(f"no answer within {ANSWER_SECONDS:.0f} seconds") from error


class PostgresServer:
    """A `Backend`. `url` as libpq accepts it; without a password, which the settings ensure."""

    def __init__(self, url: str, *, busy_seconds: float) -> None:
        self._url = url
        self._busy_seconds = busy_seconds
        self._session: TimedConnection | None = None

    @property
    def name(self) -> str:
        return self._url

    def prepare(self) -> None:
        """Raises StorageError for a database that cannot store every text."""
        with self.translate_errors(), closing(self._connect()) as connection:
            (encoding,) = connection.execute("SHOW server_encoding").fetchone() or ("",)
        if encoding != "UTF8":
            raise StorageError(
                f"The database {self.name} uses the encoding {encoding}; smolwatch requires UTF8.",
                advice=OWN_DATABASE,
            )

    def schema(self) -> str | None:
        """Raises StorageError when it holds tables that are not smolwatch's."""
        with self.translate_errors(), closing(self._connect()) as connection:
            tables = {name for (name,) in connection.execute(TABLES, ["BASE TABLE"])}
            ours = {"jobs", "alembic_version"} <= tables
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if ours else None
        if tables and row is None:
            raise StorageError(
                f"{self.name} is a database, but not one of smolwatch.",
                advice=OWN_DATABASE,
            )
        return str(row[0]) if row else None

    def check_integrity(self) -> None:
        """The server checks its own files."""

    def back_up(self, of: str) -> None:
        """Backups are the server administrator's task; a migration is all or nothing."""

    def backup_hint(self, of: str) -> str:
        return "a pg_dump backup"

    def make_engine(self, *, read_only: bool) -> Engine:
        engine = create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            isolation_level="READ COMMITTED",  # else a writer could see the state from before it got the lock
            poolclass=QueuePool,
            pool_pre_ping=True,  # replaces a connection that broke while idle
            use_native_hstore=False,
        )

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            if not connection.get_execution_options().get("postgresql_readonly"):
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (WRITER_LOCK,))

        return self.reader(engine) if read_only else engine

    def reader(self, engine: Engine) -> Engine:
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def check_room(self) -> None:
        """The server reports a full disk itself."""

    def hold_daemon_lock(self) -> None:
        with self.translate_errors():
            if self._session is not None and not self._session.closed:
                self._session.execute("SELECT 1")  # the lock lasts as long as the session
                return
            with ExitStack() as on_failure:
                # Outside the pool, since it is idle for longer than a transaction may be.
                session = on_failure.enter_context(closing(self._connect(autocommit=True)))
                held = session.execute("SELECT pg_try_advisory_lock(%s)", [DAEMON_LOCK]).fetchone()
                if held != (True,):
                    raise BusyError(
                        f"Another daemon uses the database {self.name}.",
                        advice="One database serves one home. Stop the other daemon, or choose another database.",
                    )
                self._session = session
                on_failure.pop_all()

    def damage(self, connection: Connection) -> Iterator[str]:
        """The server checks its own files."""
        return iter(())

    def broken_references(self, connection: Connection) -> Iterator[str]:
        """The server prevents them."""
        return iter(())

    def close(self) -> None:
        if self._session is not None:
            self._session.close()

    def serialize_writers(self) -> AbstractContextManager[None]:
        """Writers wait for the server's lock."""
        return nullcontext()

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, psycopg.Error) as error:
            translated = translate(self.name, error.orig if isinstance(error, DBAPIError) else error)
            if translated is None:
                raise
            raise translated from error

    def _connect(self, *, autocommit: bool = False) -> TimedConnection:
        """Both sides have timeouts for waiting on the other."""
        limits = {
            "lock_timeout": f"{self._busy_seconds * 1000:.0f}",
            "statement_timeout": f"{STATEMENT_SECONDS * 1000:.0f}",
            "idle_in_transaction_session_timeout": f"{IDLE_SECONDS * 1000:.0f}",
            **{f"tcp_keepalives_{name}": str(value) for name, value in KEEPALIVE.items()},
        }
        given = conninfo_to_dict(self._url)
        options = [str(given.get("options") or ""), *(f"-c {name}={value}" for name, value in limits.items())]
        defaults = {f"keepalives_{name}": value for name, value in KEEPALIVE.items()} | {
            "connect_timeout": CONNECT_SECONDS
        }
        chosen = {**defaults, "fallback_application_name": "smolwatch", **given}
        conninfo = make_conninfo("", **chosen | {"client_encoding": "UTF8", "options": " ".join(options)})
        return TimedConnection.connect(conninfo, autocommit=autocommit)


def translate(name: str, error: BaseException | None) -> StorageError | None:
    """None for our own mistakes (a broken constraint, wrong SQL), which are not converted."""
    code, message = getattr(error, "sqlstate", None) or "", " ".join(str(error).split())
    if code.startswith(HELD):
        return BusyError(f"The database {name} is held by another program.")
    if code.startswith(FULL):
        return DiskFullError(f"Disk full: nothing more can be written into the database {name}.")
    if code.startswith(AWAY) or (not code and isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))):
        return UnreachableError(f"The database {name} cannot be reached: {message}")
    if code.startswith(RESOURCES):
        return TransientError(f"The database {name} accepts no more work now: {message}")
    if code.startswith(REFUSED):
        return StorageError(f"The database {name} cannot be used: {message}", advice=OWN_DATABASE)
    if code.startswith(BROKEN):
        return StorageError(f"Internal error of the database {name}: {message}", advice=SERVER_LOG)
    if not code and isinstance(error, psycopg.ProgrammingError):
        return StorageError(f"The database address {name} is invalid: {message}", advice=ADDRESS)
    return None
