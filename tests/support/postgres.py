"""A real PostgreSQL server for the tests, reached through a socket in its folder."""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from storage.db.database import open_database

#: Debian keeps the server's programs off PATH.
PROGRAMS = (Path("/usr/lib/postgresql"), "*/bin/pg_ctl")
PORT = 5432
#: Nothing here need outlive a power cut; but for that, it is a server as any other.
OPTIONS = "-c listen_addresses= -c unix_socket_permissions=0777 -c fsync=off -c max_connections=50"


def server_programs() -> Path | None:
    """The folder with initdb and pg_ctl, if there is one."""
    if on_path := shutil.which("pg_ctl"):
        return Path(on_path).parent
    found = sorted(PROGRAMS[0].glob(PROGRAMS[1]))
    return found[-1].parent if found else None


class Server:
    """One cluster. Its programs refuse to run as root, so root runs them as another user."""

    def __init__(self, folder: Path, bin_folder: Path) -> None:
        self.folder = folder
        self._bin = bin_folder
        self._user = unprivileged_user() if os.getuid() == 0 else None
        self._numbers = count()
        if self._user:
            shutil.chown(folder, self._user)
        folder.chmod(0o755)
        arguments = ("--username=smolwatch", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        self._run("initdb", "--pgdata", str(self._data), *arguments)
        self.start()

    def start(self) -> None:
        self._control("start", "-w", "-l", str(self.folder / "log"), "-o", f"-k {self.folder} {OPTIONS}")

    def stop(self, mode: str = "immediate") -> None:
        self._control("stop", "-m", mode)

    def restart(self) -> None:
        """Like a crash: every connection breaks, and uncommitted data is lost."""
        self._control("restart", "-w", "-m", "immediate", "-l", str(self.folder / "log"))

    def address(self, database: str) -> str:
        return f"postgresql://smolwatch@/{database}?host={self.folder}&port={PORT}"

    @property
    def socket(self) -> Path:
        return self.folder / f".s.PGSQL.{PORT}"

    @contextmanager
    def new_database(self, template: str = "template0") -> Iterator[str]:
        """The address of a new database, which is dropped afterwards."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.address(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, command: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        with closing(psycopg.connect(self.address(database), autocommit=True)) as connection:
            done = connection.execute(command)
            return done.fetchall() if done.description else []

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "--pgdata", str(self._data), *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._bin / program), *arguments],
            cwd="/",
            user=self._user,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # a pipe would stay open while the server runs
            check=True,
            timeout=50,
        )


def unprivileged_user() -> str:
    """A user who is not root."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def new_server() -> Server:
    """A server that its test can stop and start, and closes. Skips the test if none is installed."""
    if (folder := server_programs()) is None:
        pytest.skip("no PostgreSQL server is installed (Debian: postgresql)")
    return Server(Path(tempfile.mkdtemp(prefix="smolwatch-pg-")), folder)


@cache
def common_server() -> Server:
    """The server that this process's tests share, with the template database "empty"."""
    server = new_server()
    atexit.register(server.close)
    server.execute("CREATE DATABASE empty TEMPLATE template0")
    open_database(server.address("empty")).close()
    return server
