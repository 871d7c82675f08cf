"""An update, as a person makes it: the older program's home is taken over, by the real command line."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cli.samples import shipped_samples
from daemon.lock import holder
from storage.migrations import HEAD
from tests.fakes.service.user import ServiceUser, needs_a_user, service_user
from tests.support.processes import DaemonHome
from tests.support.schemas import as_an_older_version
from tests.support.waiting import wait_for

FIRST = "0001"
NAMES = [f"{number}.png" for number in range(2)]
PICTURE = next(sample.file for sample in shipped_samples() if sample.name.endswith(".png"))
QUICK = "[model]\nengine = 'echo'\n[inbox]\nsettle_seconds = 0.3\n"


@pytest.fixture
def home(own_home: Path) -> Iterator[DaemonHome]:
    home = DaemonHome(own_home)
    yield home
    home.close()


@pytest.fixture
def first(home: DaemonHome, tmp_path: Path) -> DaemonHome:
    """A home with some descriptions, as the first schema held them."""
    drop(home.inbox)
    assert home.invoke("run", "--once").returncode == 0
    as_the_first(home.settings.database_file, tmp_path / "today.db")
    return home


def drop(inbox: Path) -> None:
    for number, name in enumerate(NAMES):
        (inbox / name).write_bytes(PICTURE.read_bytes() + bytes([number]))


def as_the_first(file: Path, aside: Path) -> None:
    as_an_older_version(Path(shutil.move(file, aside)), file, FIRST)


def described(home: DaemonHome) -> dict[str, Any]:
    """Every description, by file."""
    return {name: json.loads(home.invoke("show", "--json", str(home.inbox / name)).stdout) for name in NAMES}


def schema_in(file: Path) -> str:
    with closing(sqlite3.connect(file)) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def test_a_home_of_the_first_schema_keeps_every_description_and_a_copy_is_made_before(first: DaemonHome) -> None:
    sidecars = {name: (first.inbox / f"{name}.smolwatch.json").read_bytes() for name in NAMES}
    file = first.settings.database_file
    assert schema_in(file) == FIRST
    assert "smolwatch run" in first.invoke("ls").stderr  # reading commands change nothing

    done = first.invoke("run", "--once")

    assert done.returncode == 0, done.stderr
    assert schema_in(file) == HEAD
    assert schema_in(file.with_name(f"{file.name}.before-{HEAD}")) == FIRST
    descriptions = described(first)
    for name in NAMES:
        record = json.loads(sidecars[name])
        assert descriptions[name]["answers"] == record["answers"]
        assert (first.inbox / f"{name}.smolwatch.json").read_bytes() == sidecars[name], "nothing is described anew"
    assert json.loads(first.invoke("db", "check", "--json").stdout)["problems"] == []


def test_an_older_program_refuses_a_newer_database_and_leaves_it_alone(first: DaemonHome) -> None:
    assert first.invoke("run", "--once").returncode == 0
    file = first.settings.database_file
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = file.read_bytes()
    for words in (("run", "--once"), ("status",), ("retry", "1")):
        done = first.invoke(*words)
        assert done.returncode == 78, (words, done.stdout, done.stderr)
        assert "9999" in done.stderr
        assert "Upgrade smolwatch" in done.stderr
    assert file.read_bytes() == before


@needs_a_user
def test_a_newer_program_stops_the_older_daemon_cleanly_migrates_and_starts(tmp_path: Path) -> None:
    with service_user("launchctl") as user:
        home = user.smolwatch_home
        (home / "config").mkdir(parents=True)
        (home / "config" / "smolwatch.toml").write_text(QUICK)
        (home / "inbox").mkdir()
        drop(home / "inbox")
        give_to(user, home)
        user.run_ok("run", "--once")
        as_the_first(home / "data" / "smolwatch.db", tmp_path / "today.db")
        give_to(user, home)
        user.run_ok("service", "install")  # a stand-in for the older program
        older = user.service_status()["pid"]
        del user.environ["FAKE_PROGRAM"]

        user.run_ok("service", "install")

        newer = user.service_status()["pid"]
        assert newer != older
        assert holder(home / "data" / "smolwatch.lock") == newer
        assert user.service_status().get("exit_code") in (None, 0), "the older one ended cleanly"
        wait_for(lambda: schema_in(home / "data" / "smolwatch.db") == HEAD)
        assert schema_in(home / "data" / f"smolwatch.db.before-{HEAD}") == FIRST
        for name in NAMES:
            shown = json.loads(user.run_ok("show", "--json", str(home / "inbox" / name)))
            record = json.loads((home / "inbox" / f"{name}.smolwatch.json").read_bytes())
            assert shown["answers"] == record["answers"]
        user.run_ok("service", "uninstall")


def give_to(user: ServiceUser, folder: Path) -> None:
    owner = user.home.stat()
    for made in (folder, *folder.rglob("*")):
        os.chown(made, owner.st_uid, owner.st_gid)
