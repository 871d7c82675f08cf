"""An update, as a person makes it: the older program's home is taken over, by the real command line."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cli.samples import shipped_samples
from daemon.lock import holder
from storage.migrations import HEAD
from tests.fakes.service.person import Person, needs_a_person, somebody
from tests.support.checkout import ROOT
from tests.support.processes import House
from tests.support.schemas import as_an_older_version
from tests.support.waiting import wait_for

FIRST = "0001"
NAMES = [f"{number}.png" for number in range(2)]
PICTURE = next(sample.file for sample in shipped_samples() if sample.name.endswith(".png"))
QUICK = "[model]\nengine = 'echo'\n[inbox]\nsettle_seconds = 0.3\n"


@pytest.fixture
def house(own_home: Path) -> Iterator[House]:
    house = House(own_home)
    yield house
    house.close()


@pytest.fixture
def first(house: House, tmp_path: Path) -> House:
    """A home with some descriptions, as the first schema held them."""
    drop(house.inbox)
    assert typed(house, "run", "--once").returncode == 0
    as_the_first(house.settings.database_file, tmp_path / "today.db")
    return house


def drop(inbox: Path) -> None:
    for number, name in enumerate(NAMES):
        (inbox / name).write_bytes(PICTURE.read_bytes() + bytes([number]))


def as_the_first(file: Path, aside: Path) -> None:
    as_an_older_version(Path(shutil.move(file, aside)), file, FIRST)


def typed(house: House, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", *words]
    return subprocess.run(command, env=house.environ, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)


def described(house: House) -> dict[str, Any]:
    """Everything that was said, by file."""
    return {name: json.loads(typed(house, "show", "--json", str(house.inbox / name)).stdout) for name in NAMES}


def schema_in(file: Path) -> str:
    with closing(sqlite3.connect(file)) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def test_a_home_of_the_first_schema_keeps_every_description_and_a_copy_is_made_before(first: House) -> None:
    sidecars = {name: (first.inbox / f"{name}.smolwatch.json").read_bytes() for name in NAMES}
    file = first.settings.database_file
    assert schema_in(file) == FIRST
    assert "smolwatch run" in typed(first, "ls").stderr  # reading commands change nothing

    done = typed(first, "run", "--once")

    assert done.returncode == 0, done.stderr
    assert schema_in(file) == HEAD
    assert schema_in(file.with_name(f"{file.name}.before-{HEAD}")) == FIRST
    said = described(first)
    for name in NAMES:
        record = json.loads(sidecars[name])
        assert said[name]["answers"] == record["answers"]
        assert (first.inbox / f"{name}.smolwatch.json").read_bytes() == sidecars[name], "nothing is described anew"
    assert json.loads(typed(first, "db", "check", "--json").stdout)["problems"] == []


def test_an_older_program_refuses_a_newer_database_and_leaves_it_alone(first: House) -> None:
    assert typed(first, "run", "--once").returncode == 0
    file = first.settings.database_file
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = file.read_bytes()
    for words in (("run", "--once"), ("status",), ("retry", "1")):
        done = typed(first, *words)
        assert done.returncode == 78, (words, done.stdout, done.stderr)
        assert "9999" in done.stderr
        assert "Upgrade smolwatch" in done.stderr
    assert file.read_bytes() == before


@needs_a_person
def test_a_newer_program_stops_the_older_daemon_cleanly_migrates_and_starts(tmp_path: Path) -> None:
    with somebody("launchctl") as person:
        home = person.smolwatch_home
        (home / "config").mkdir(parents=True)
        (home / "config" / "smolwatch.toml").write_text(QUICK)
        (home / "inbox").mkdir()
        drop(home / "inbox")
        give_to(person, home)
        person.does("run", "--once")
        as_the_first(home / "data" / "smolwatch.db", tmp_path / "today.db")
        give_to(person, home)
        person.does("service", "install")  # a stand-in for the older program
        older = person.sees()["pid"]
        del person.environ["FAKE_PROGRAM"]

        person.does("service", "install")

        newer = person.sees()["pid"]
        assert newer != older
        assert holder(home / "data" / "smolwatch.lock") == newer
        assert person.sees().get("exit_code") in (None, 0), "the older one ended cleanly"
        wait_for(lambda: schema_in(home / "data" / "smolwatch.db") == HEAD)
        assert schema_in(home / "data" / f"smolwatch.db.before-{HEAD}") == FIRST
        for name in NAMES:
            shown = json.loads(person.does("show", "--json", str(home / "inbox" / name)))
            record = json.loads((home / "inbox" / f"{name}.smolwatch.json").read_bytes())
            assert shown["answers"] == record["answers"]
        person.does("service", "uninstall")


def give_to(person: Person, folder: Path) -> None:
    owner = person.home.stat()
    for made in (folder, *folder.rglob("*")):
        os.chown(made, owner.st_uid, owner.st_gid)
