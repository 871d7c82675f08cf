"""A next schema, and processes that die during its migration."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
import threading
from contextlib import closing
from pathlib import Path

from storage.db.database import open_database
from storage.migrations import HEAD, Migrations
from tests.support.checkout import ROOT

NEXT = "9998"
STEP = """
import sqlalchemy as sa
from alembic import op

revision = "{next}"
down_revision = "{head}"

def upgrade():
    op.add_column("paths", sa.Column("colour", sa.Text))
    op.create_table("halfway", sa.Column("id", sa.Integer, primary_key=True))
    {then}
"""


def next_schema(folder: Path, then: str = "pass") -> Migrations:
    """One more migration step, which ends with `then`."""
    folder.mkdir()
    (folder / f"{NEXT}_next.py").write_text(STEP.format(next=NEXT, head=HEAD, then=then))
    return Migrations(head=NEXT, folders=(*Migrations().folders, str(folder)))


def schema(file: Path) -> set[tuple[str, str]]:
    """The names and SQL of the file's tables and indexes."""
    with closing(sqlite3.connect(file)) as connection:
        return set(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))


def opened_twice_at_once(place: Path | str) -> list[BaseException]:
    """Two threads open the database at the same moment. Returns their errors."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(2)

    def start() -> None:
        barrier.wait()
        try:
            open_database(place).close()
        except BaseException as error:  # noqa: BLE001 - asserted by the test
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def killed(program: str) -> None:
    """Run the program in its own process; it must exit with code 9."""
    died = subprocess.run([sys.executable, "-c", "import os\n" + textwrap.dedent(program)], cwd=ROOT, check=False)
    assert died.returncode == 9


def as_an_older_version(today: Path, file: Path, older: str) -> None:
    """A database of an older version with `today`'s rows, in the columns that it had."""
    open_database(file, migrations=Migrations(head=older)).close()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("ATTACH ? AS today", (str(today),))
        tables = connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            if table != "alembic_version":
                columns = ", ".join(f'"{row[1]}"' for row in connection.execute(f"PRAGMA main.table_info('{table}')"))
                connection.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM today.{table}")
