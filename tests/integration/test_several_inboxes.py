"""Several inboxes in one home, through the real daemon with the echo engine and through the commands."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from config.recipes import load_recipe
from daemon.clock import SystemClock
from daemon.intake.identity import identify
from storage.db.database import open_database
from storage.jobs.store import JobStore
from storage.lifecycle import JobState
from storage.records import Fingerprint, JobSpec
from tests.support.intake_home import PNG
from tests.support.processes import DaemonHome
from tests.support.running_jobs import draw
from tests.support.waiting import wait_for

BIG_BYTES = 20 * 10**9
WAIT = 40.0
JSON, MD = ".smolwatch.json", ".md"

Make = Callable[..., DaemonHome]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes a home with this settings file, in which FOLDER stands for a folder of its own; it is closed at the end."""
    made: list[DaemonHome] = []

    def make(text: str, **environ: str) -> DaemonHome:
        home = tmp_path / "home"
        (home / "config").mkdir(parents=True)
        (home / "config" / "smolwatch.toml").write_text(text.replace("FOLDER", str(tmp_path)))
        made.append(DaemonHome(home, environ))
        return made[-1]

    yield make
    for home in made:
        home.close()


def invoke(home: DaemonHome, *arguments: str, code: int = 0) -> str:
    done = home.invoke(*arguments)
    assert done.returncode == code, done
    return done.stdout or done.stderr


def drop(*files: Path) -> None:
    """Pictures that differ, put in place at once."""
    for number, file in enumerate(files):
        file.parent.mkdir(parents=True, exist_ok=True)
        made = file.with_name(f".sw-{file.name}")
        draw(made, size=(60 + number + 7 * len(file.name), 40))
        made.rename(file)


def states(home: DaemonHome) -> dict[str, JobState]:
    """By the file's name, once the database is there."""
    return home.states() if home.settings.database_file.exists() else {}


def wait_until_done(home: DaemonHome, *names: str) -> None:
    wait_for(lambda: all(states(home).get(name) is JobState.DONE for name in names), WAIT)


def specs(home: DaemonHome) -> dict[str, tuple[str, str]]:
    """Recipe and inbox of each file's newest job."""
    return {name: (job.spec.recipe, job.spec.inbox) for name, job in home.jobs().items()}


def sidecars(folder: Path) -> list[str]:
    found = (path for path in folder.rglob("*") if path.name.endswith((JSON, MD)))
    return sorted(str(path.relative_to(folder)) for path in found)


def record(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.with_name(file.name + JSON).read_text(encoding="utf-8"))
    return found


def is_reading(pid: int, file: Path) -> bool:
    """Whether the process has the file open."""
    folder = Path(f"/proc/{pid}/fd")
    return any(os.path.realpath(link) == str(file) for link in folder.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_big_file_in_one_inbox_delays_none_in_another_and_each_has_its_recipe(make: Make, tmp_path: Path) -> None:
    text = """\
[[inbox]]
path = "FOLDER/films"
recipe = "brief"
[[inbox]]
path = "FOLDER/photos"
recipe = "alt-text"
[[inbox.folder]]
match = "scans/**"
recipe = "document"
"""
    films, photos = tmp_path / "films", tmp_path / "photos"
    drop(films / "early.png")
    photos.mkdir()
    home = make(text, SMOLWATCH_WORK__MAX_FILE_BYTES=str(2 * BIG_BYTES))
    daemon = home.start_and_wait()
    wait_until_done(home, "early.png")
    big = films / "big.png"
    with big.open("wb") as file:
        file.write(PNG)
        file.truncate(BIG_BYTES)
    wait_for(lambda: is_reading(daemon.pid, big), WAIT)
    drop(photos / "one.png")
    wait_until_done(home, "one.png")
    drop(photos / "scans" / "2026" / "two.png")
    wait_until_done(home, "two.png")
    assert is_reading(daemon.pid, big), "it takes much longer"
    assert specs(home) == {
        "early.png": ("brief", "films"),
        "one.png": ("alt-text", "photos"),
        "two.png": ("document", "photos"),
    }
    assert set(record(photos / "one.png")["answers"]) == {"alt_text"}
    before = record(photos / "scans" / "2026" / "two.png")
    invoke(home, "redo", "--recipe", "brief", "--yes", "scans/2026/two.png")
    wait_for(lambda: "other_recipes" in record(photos / "scans" / "2026" / "two.png"), WAIT)
    after = record(photos / "scans" / "2026" / "two.png")
    assert (after["answers"], after["recipe"]) == (before["answers"], before["recipe"])
    assert list(after["other_recipes"]) == ["brief"]


FORMATS = """\
[[inbox]]
path = "FOLDER/only-json"
formats = ["json"]
[[inbox]]
path = "FOLDER/none"
formats = []
[[inbox]]
path = "FOLDER/apart"
output = "FOLDER/described"
"""


def test_formats_and_output_hold_through_moves_a_restart_and_lost_sidecars(make: Make, tmp_path: Path) -> None:
    for name in ("only-json", "none", "apart"):
        drop(tmp_path / name / "sub" / f"{name}.png")
    apart, described = tmp_path / "apart", tmp_path / "described"
    home = make(FORMATS)
    daemon = home.start_and_wait()
    wait_until_done(home, "only-json.png", "none.png", "apart.png")
    assert sidecars(tmp_path) == [
        "described/sub/apart.png.md",
        "described/sub/apart.png.smolwatch.json",
        "only-json/sub/only-json.png.smolwatch.json",
    ]
    shown = json.loads(invoke(home, "show", str(described / "sub" / "apart.png.md"), "--json"))
    assert [place["path"] for place in shown["sidecars"]] == [
        str(described / "sub" / f"apart.png{suffix}") for suffix in (JSON, MD)
    ]
    words = described / "sub" / "apart.png.md"
    words.write_text(words.read_text().replace("## Caption\n", "## Caption\n\nOur cat.\n"))

    # Within the inbox, between two inboxes, and out of an output: descriptions and a person's words move along.
    (apart / "sub" / "apart.png").rename(apart / "moved.png")
    (tmp_path / "only-json" / "sub" / "only-json.png").rename(apart / "from json.png")
    (tmp_path / "none" / "sub" / "none.png").rename(tmp_path / "only-json" / "from none.png")
    wait_until_done(home, "moved.png", "from json.png", "from none.png")
    expected = [
        "described/from json.png.md",
        "described/from json.png.smolwatch.json",
        "described/moved.png.md",
        "described/moved.png.smolwatch.json",
        "only-json/from none.png.smolwatch.json",
    ]
    wait_for(lambda: sidecars(tmp_path) == expected, WAIT)
    assert "Our cat." in (described / "moved.png.md").read_text()
    assert {name: inbox for name, (_, inbox) in specs(home).items()} == {
        "moved.png": "apart",
        "from json.png": "apart",
        "from none.png": "only-json",
    }
    assert any("moved here" in note for note in home.notes(home.jobs()["from json.png"]))

    (described / "from json.png.md").unlink()
    result = json.loads(invoke(home, "rescan", "--json"))
    assert (result["seen"], result["restored"]) == (3, 1)
    wait_for(lambda: sidecars(tmp_path) == expected, WAIT)

    daemon.terminate()
    daemon.wait(20)
    jobs = {job.id for job in home.jobs().values()}
    (apart / "moved.png").unlink()
    assert home.start("--once").wait(WAIT) == 0
    assert sidecars(tmp_path) == expected, "sidecars of a deleted file are kept by default"
    assert {job.id for job in home.jobs().values()} == jobs, "nothing is described again"
    status = json.loads(invoke(home, "status", "--json", code=4))
    assert [inbox["intake"]["orphans"] for inbox in status["inboxes"]] == [0, 0, 1]
    assert status["sidecars"]["orphans"] == 1


def test_the_files_of_an_inbox_whose_disk_is_missing_wait_and_the_others_go_on(make: Make, tmp_path: Path) -> None:
    disk, away, photos = tmp_path / "disk", tmp_path / "away", tmp_path / "photos"
    drop(disk / "waits.png")
    photos.mkdir()
    home = make('[[inbox]]\npath = "FOLDER/disk"\n[[inbox]]\npath = "FOLDER/photos"\n')
    path = os.fsencode(disk / "waits.png")
    recipe = load_recipe()
    spec = JobSpec(recipe=recipe.name, recipe_digest=recipe.digest, inbox="an earlier name")
    database = open_database(home.settings.database_file)
    file = identify(path, Fingerprint.of(os.lstat(path)), max_bytes=10**9)
    JobStore(database, SystemClock().now).admit(file, spec=spec, model="", max_attempts=3)
    database.close()
    disk.rename(away)
    home.start_and_wait()
    drop(photos / "first.png", photos / "second.png")
    wait_until_done(home, "first.png", "second.png")
    waiting = home.jobs()["waits.png"]
    assert (waiting.state, waiting.attempts, waiting.spec.inbox) == (JobState.QUEUED, 0, "disk")
    status = json.loads(invoke(home, "status", "--json"))
    problems = {inbox["name"]: inbox["intake"]["problem"] for inbox in status["inboxes"]}
    assert problems == {"disk": "inbox missing", "photos": ""}
    assert status["intake"]["problem"] == "disk: inbox missing"
    rescanned = json.loads(invoke(home, "rescan", "--json"))
    assert rescanned["seen"] == 2
    assert rescanned["problems"][0].startswith("disk: The inbox cannot be listed now: inbox missing")
    away.rename(disk)
    wait_until_done(home, "waits.png")
    assert home.jobs()["waits.png"].id == waiting.id


def test_commands_know_every_inbox(make: Make, tmp_path: Path) -> None:
    drop(tmp_path / "a" / "x.png", tmp_path / "a" / "same.png", tmp_path / "b" / "y.png", tmp_path / "b" / "same.png")
    (tmp_path / "b" / "not taken.png").write_bytes(PNG)
    home = make('[[inbox]]\npath = "FOLDER/a"\n[[inbox]]\npath = "FOLDER/b"\npatterns = ["?.png", "same.*"]\n')
    assert home.start("--once").wait(WAIT) == 0
    assert f"In the inbox {tmp_path / 'b'}." in invoke(home, "why", "y.png")
    assert "none of the inbox's patterns" in invoke(home, "why", "not taken.png")
    assert f"Not in any of the inboxes {tmp_path / 'a'}, {tmp_path / 'b'}." in invoke(home, "why", str(tmp_path))
    assert "a/x.png" not in (listed := invoke(home, "ls"))
    assert "x.png" in listed
    assert json.loads(invoke(home, "show", "y.png", "--json"))["job"]["path"] == str(tmp_path / "b" / "y.png")
    several = invoke(home, "show", "same.png", code=3)
    assert all(str(tmp_path / name / "same.png") in several for name in "ab")
    lines = invoke(home, "status", code=4)
    assert [f"{name}: {tmp_path / name}" in lines for name in "ab"] == [True, True]
    found = json.loads(invoke(home, "doctor", "--json", code=json.loads(invoke(home, "doctor", "--json"))["exit_code"]))
    names = {line["name"] for line in found["lines"]}
    assert {f"{check} {name}" for check in ("inbox", "watching", "cloud", "times") for name in "ab"} <= names
    home.settings.database_file.unlink()
    assert json.loads(invoke(home, "db", "rebuild", "--json"))["taken_back"] == 4


def test_a_waiting_file_gets_the_recipe_that_its_inbox_and_folder_have_at_the_start(make: Make, tmp_path: Path) -> None:
    drop(tmp_path / "a" / "x.png", tmp_path / "a" / "scans" / "y.png")
    home = make('[[inbox]]\npath = "FOLDER/a"\n')
    invoke(home, "status", code=4)
    daemon = home.start_and_wait()
    wait_for(lambda: len(states(home)) == 2, WAIT)
    daemon.terminate()
    daemon.wait(20)
    with home.settings.config_file.open("a") as file:
        file.write('recipe = "brief"\n[[inbox.folder]]\nmatch = "scans"\nrecipe = "document"\n')
    done = {name for name, state in states(home).items() if state is JobState.DONE}
    assert home.start("--once").wait(WAIT) == 0
    expected = {"x.png": "brief", "y.png": "document"}
    kept = dict.fromkeys(done, "default")
    assert {name: recipe for name, (recipe, _) in specs(home).items()} == expected | kept


def test_a_bad_settings_file_is_reported_whole_and_does_not_disturb_the_running_daemon(
    make: Make, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    home = make('[[inbox]]\npath = "FOLDER/a"\n')
    home.start_and_wait()
    file = home.settings.config_file
    file.write_text(
        f'[[inbox]]\npath = "{tmp_path}/a"\nrecpe = "x"\n[[inbox]]\npath = "{tmp_path}/a/b"\nrecipe = "none"\n'
        "[[inbox]]\npatterns = ['a/b']\n"
    )
    reported = invoke(home, "status", code=78)
    for mistake in (
        f"inbox.recpe ({file}, line 3): no such setting; did you mean recipe?",
        f"inbox.path = '{tmp_path}/a/b' ({file}, line 5): lies in the inbox 'a'",
        f"inbox.recipe = 'none' ({file}, line 6): There is no recipe 'none'.",
        f"inbox.path ({file}, line 7): is missing",
        f"inbox.patterns = 'a/b' ({file}, line 8): ",
    ):
        assert mistake in reported
    assert invoke(home, "run", "--once", code=78) == reported
    drop(tmp_path / "a" / "x.png")
    wait_until_done(home, "x.png")
