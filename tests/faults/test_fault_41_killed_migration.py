"""Fault 41: the process is killed in the middle of a migration. Real.

The schema is the old one or the new one, never between, and a copy from before stands beside it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.db.database import open_database
from storage.library import Library
from tests.support.schemas import NEXT, killed, next_schema, schema
from tests.unit.storage.db.test_database import admit_one


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "smolwatch.db"


@pytest.mark.parametrize("moment", ["op.create_index", "op.create_table"])
def test_a_first_start_that_is_killed_half_way_leaves_nothing_and_the_next_one_works(file: Path, moment: str) -> None:
    killed(
        f"""
        from alembic import op
        from storage.db.database import open_database
        real, calls = {moment}, []
        def dies(*args, **options):
            real(*args, **options)
            calls.append(1)
            if len(calls) == 3:
                os._exit(9)
        {moment} = dies
        open_database({str(file)!r})
        """
    )
    assert schema(file) == set()
    open_database(file).close()
    assert "jobs" in {name for name, _ in schema(file)}


def test_an_upgrade_that_is_killed_half_way_leaves_the_old_schema_a_copy_and_every_row(
    file: Path, tmp_path: Path
) -> None:
    database = open_database(file)
    admit_one(database)
    database.close()
    today = schema(file)
    killed(upgrade(file, tmp_path / "steps", then="import os; os._exit(9)"))
    assert schema(file) == today
    copy = file.with_name(f"{file.name}.before-{NEXT}")
    for one in (file, copy):
        same = open_database(one)
        assert len(Library(same).jobs()) == 1
        same.close()
    upgraded = open_database(file, migrations=next_schema(tmp_path / "mended"))
    assert len(Library(upgraded).jobs()) == 1
    upgraded.close()
    assert "halfway" in {name for name, _ in schema(file)}


def test_killed_while_the_copy_is_made_there_is_no_half_copy_and_the_old_schema(file: Path, tmp_path: Path) -> None:
    open_database(file).close()
    today = schema(file)
    killed(
        "from storage.db import sqlite_maintenance\nsqlite_maintenance.check_integrity = lambda file: os._exit(9)\n"
        + upgrade(file, tmp_path / "steps")
    )
    assert schema(file) == today
    assert not file.with_name(f"{file.name}.before-{NEXT}").exists()
    open_database(file, migrations=next_schema(tmp_path / "again")).close()
    assert schema(file.with_name(f"{file.name}.before-{NEXT}")) == today


def upgrade(file: Path, steps: Path, then: str = "pass") -> str:
    """A program that opens the database with tomorrow's schema."""
    migrations = next_schema(steps, then)
    return (
        "from storage.db.database import open_database\n"
        "from storage.migrations import Migrations\n"
        f"steps = Migrations(head={migrations.head!r}, folders={migrations.folders!r})\n"
        f"open_database({str(file)!r}, migrations=steps)\n"
    )
