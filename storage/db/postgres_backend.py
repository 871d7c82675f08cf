"""PostgreSQL as a backend: one database on a server, which may go away, come back, or never answer.

A writer takes one lock of the whole database for its transaction. So all that SQLite's only writer makes true of the
jobs is true here as well; readers see one state and stop nobody. Nothing is announced (LISTEN, NOTIFY), so no
announcement can be lost: whoever waits asks again, as on SQLite.
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
#: The server ends a statement that takes longer.
STATEMENT_SECONDS = 15.0
#: A server that has not answered for so long is taken for gone; its death may have been without a word.
ANSWER_SECONDS = 20.0
#: The server ends a transaction in which nobody speaks for so long: its lock would keep all others waiting.
SILENT_SECONDS = 30.0
#: How soon either side asks whether the other is still there, when the line is quiet.
KEEPALIVE = {"idle": 30, "interval": 10, "count": 3}
#: Locks are numbers that all who use one database agree on: "smol", and the one after.
WRITER_LOCK, DAEMON_LOCK = 0x736D6F6C, 0x736D6F6D

#: By the beginning of their code. https://www.postgresql.org/docs/current/errcodes-appendix.html
AWAY = ("08", "25P03", "53300", "57P")
HELD = ("40", "55P03", "57014")
FULL = ("53100",)
SHORT = ("53",)
REFUSED = ("25006", "28", "3D", "3F", "42501")
BROKEN = ("XX",)

TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = %s"
OWN_DATABASE = "Give smolwatch a database of its own: createdb --encoding UTF8 --template template0 --owner USER NAME"
SERVER_LOG = "Look into the server's own log. A damaged database is put back from what pg_dump made."
ADDRESS = (
    "Mend database.url in smolwatch.toml; how to write it: https://www.postgresql.org/docs/current/libpq-connect.html"
)
T = TypeVar("T")


class TimedConnection(psycopg.Connection[Any]):
    """A connection that does not wait for ever. One whose other end died without a word looks like a slow one."""

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        try:
            return super().wait(gen, interval, ANSWER_SECONDS if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise
            self.pgconn.finish()  # an answer that comes now is nobody's
            raise psycopg.OperationalError(f"no answer within {ANSWER_SECONDS:.0f} seconds") from error


class PostgresServer:
    """A `Backend`. `url` as libpq takes it; without a password, which the settings see to."""

    def __init__(self, url: str, *, busy_seconds: float) -> None:
        self._url = url
        self._busy_seconds = busy_seconds
        self._session: TimedConnection | None = None

    @property
    def name(self) -> str:
        return self._url

    def make_ready(self) -> None:
        """Refuses a database that cannot hold every text."""
        with self.as_ours(), closing(self._connect()) as connection:
            (encoding,) = connection.execute("SHOW server_encoding").fetchone() or ("",)
        if encoding != "UTF8":
            raise StorageError(
                f"The database {self.name} holds its texts as {encoding}; smolwatch needs UTF8.",
                advice=OWN_DATABASE,
            )

    def schema(self) -> str | None:
        """Raises StorageError when it holds tables that are not smolwatch's."""
        with self.as_ours(), closing(self._connect()) as connection:
            tables = {name for (name,) in connection.execute(TABLES, ["BASE TABLE"])}
            ours = {"jobs", "alembic_version"} <= tables
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if ours else None
        if tables and row is None:
            raise StorageError(
                f"{self.name} is a database, but not one of smolwatch.",
                advice=OWN_DATABASE,
            )
        return str(row[0]) if row else None

    def prove_sound(self) -> None:
        """The server sees to its own files."""

    def keep_copy(self, of: str) -> None:
        """Whoever looks after the server makes its backups; a change of the schema is all or nothing."""

    def copies(self, of: str) -> str:
        return "what pg_dump made"

    def make_engine(self, *, read_only: bool) -> Engine:
        engine = create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            isolation_level="READ COMMITTED",  # else a writer might see what was before it had its lock
            poolclass=QueuePool,
            pool_pre_ping=True,  # a line that broke while nobody spoke is replaced, and nobody hears of it
            use_native_hstore=False,
        )

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            if not connection.get_execution_options().get("postgresql_readonly"):
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (WRITER_LOCK,))

        return self.reading(engine) if read_only else engine

    def reading(self, engine: Engine) -> Engine:
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def check_room(self) -> None:
        """Its disk is the server's, which says so when it is full."""

    def keep_others_out(self) -> None:
        with self.as_ours():
            if self._session is not None and not self._session.closed:
                self._session.execute("SELECT 1")  # the lock lasts as long as the session
                return
            with ExitStack() as unless_kept:
                # By itself, since it says nothing for longer than a transaction may.
                session = unless_kept.enter_context(closing(self._connect(autocommit=True)))
                held = session.execute("SELECT pg_try_advisory_lock(%s)", [DAEMON_LOCK]).fetchone()
                if held != (True,):
                    raise BusyError(
                        f"Another daemon works with the database {self.name}.",
                        advice="One database serves one home. Stop the other daemon, or choose another database.",
                    )
                self._session = session
                unless_kept.pop_all()

    def damage(self, connection: Connection) -> Iterator[str]:
        """The server sees to its own files."""
        return iter(())

    def broken_references(self, connection: Connection) -> Iterator[str]:
        """There it refuses them."""
        return iter(())

    def close(self) -> None:
        if self._session is not None:
            self._session.close()

    def one_by_one(self) -> AbstractContextManager[None]:
        """The server has them wait for its own lock."""
        return nullcontext()

    @contextmanager
    def as_ours(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, psycopg.Error) as error:
            ours = translated(self.name, error.orig if isinstance(error, DBAPIError) else error)
            if ours is None:
                raise
            raise ours from error

    def _connect(self, *, autocommit: bool = False) -> TimedConnection:
        """With limits on both sides to how long one waits for the other."""
        limits = {
            "lock_timeout": f"{self._busy_seconds * 1000:.0f}",
            "statement_timeout": f"{STATEMENT_SECONDS * 1000:.0f}",
            "idle_in_transaction_session_timeout": f"{SILENT_SECONDS * 1000:.0f}",
            **{f"tcp_keepalives_{name}": str(value) for name, value in KEEPALIVE.items()},
        }
        theirs = conninfo_to_dict(self._url)
        options = [str(theirs.get("options") or ""), *(f"-c {name}={value}" for name, value in limits.items())]
        ours = {f"keepalives_{name}": value for name, value in KEEPALIVE.items()} | {"connect_timeout": CONNECT_SECONDS}
        chosen = {**ours, "fallback_application_name": "smolwatch", **theirs}
        conninfo = make_conninfo("", **chosen | {"client_encoding": "UTF8", "options": " ".join(options)})
        return TimedConnection.connect(conninfo, autocommit=autocommit)


def translated(name: str, error: BaseException | None) -> StorageError | None:
    """None for what is a mistake of ours (a broken constraint, wrong SQL): it stays as it is."""
    code, said = getattr(error, "sqlstate", None) or "", " ".join(str(error).split())
    if code.startswith(HELD):
        return BusyError(f"The database {name} is held by another program.")
    if code.startswith(FULL):
        return DiskFullError(f"Disk full: nothing more can be written into the database {name}.")
    if code.startswith(AWAY) or (not code and isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))):
        return UnreachableError(f"The database {name} cannot be reached: {said}")
    if code.startswith(SHORT):
        return TransientError(f"The database {name} takes no more now: {said}")
    if code.startswith(REFUSED):
        return StorageError(f"The database {name} cannot be used: {said}", advice=OWN_DATABASE)
    if code.startswith(BROKEN):
        return StorageError(f"The server has trouble with the database {name}: {said}", advice=SERVER_LOG)
    if not code and isinstance(error, psycopg.ProgrammingError):
        return StorageError(f"The address {name} cannot be understood: {said}", advice=ADDRESS)
    return None
