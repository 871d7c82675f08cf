"""Live Photos under the real daemon: one job, one description, one set of sidecars, whatever happens to the halves."""

from __future__ import annotations

import signal
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import smolwatch
from storage.lifecycle import JobState
from tests.support.media.live_photos import IDENTIFIER, save_moving, save_still
from tests.support.processes import DaemonHome
from tests.support.waiting import wait_for

DONE = JobState.DONE


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    home = DaemonHome(tmp_path / "home")
    yield home
    home.close()


class Phone:
    """Gives out Live Photos, each with an identifier of its own, by copying one that was drawn."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.drawn = {end: save_still(folder / f"a{end}").read_bytes() for end in (".heic", ".jpg")}
        self.drawn[".mov"] = save_moving(folder / "a.mov").read_bytes()

    def give(self, file: Path) -> None:
        """The half that the suffix names, of the Live Photo that the stem names."""
        own = str(uuid.uuid5(uuid.NAMESPACE_URL, file.stem)).upper()
        file.write_bytes(self.drawn[file.suffix].replace(IDENTIFIER.encode(), own.encode()))


@pytest.fixture
def phone(tmp_path: Path) -> Phone:
    return Phone(tmp_path / "phone")


def described(home: DaemonHome) -> set[str]:
    """The files beside which both sidecars stand, by their place in the inbox."""
    records, texts = (
        {str(file.relative_to(home.inbox)).removesuffix(end) for file in home.inbox.rglob(f"*{end}")}
        for end in (".smolwatch.json", ".md")
    )
    return records & texts


def settled(home: DaemonHome, *names: str) -> bool:
    """Exactly these are described, nothing is under way, and the intake is done with all that lies there."""
    jobs = home.jobs().values()
    with home.reading() as library:
        intake = library.status.intake()
    at_rest = intake is not None and intake.settling == 0
    return at_rest and all(job.state is DONE for job in jobs) and described(home) == set(names)


def stop(daemon: subprocess.Popen[str]) -> None:
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(20) == 0


def invoke(home: DaemonHome, *words: str) -> str:
    return CliRunner().invoke(smolwatch, ["--home", str(home.settings.home), *words], catch_exceptions=False).output


def test_both_at_once_and_either_half_first(home: DaemonHome, phone: Phone) -> None:
    for name in ("both.mov", "both.heic", "picture.jpg", "film.mov"):
        phone.give(home.inbox / name)
    home.start_and_wait()
    wait_for(lambda: settled(home, "both.heic", "picture.jpg", "film.mov"), 40)
    before = home.jobs()
    for late in ("picture.mov", "film.heic"):
        phone.give(home.inbox / late)
    wait_for(lambda: all("Live Photo" in home.why(late) for late in ("picture.mov", "film.heic")), 20)
    wait_for(lambda: settled(home, "both.heic", "picture.jpg", "film.mov"), 20)
    assert home.jobs() == before
    assert home.why("both.mov").endswith("described together with its picture, both.heic.")
    assert home.why("film.heic").endswith("described together with film.mov, which came first.")
    assert "A picture of" in invoke(home, "show", str(home.inbox / "both.mov"))
    assert "both.mov (a Live Photo" in invoke(home, "show", str(home.inbox / "both.heic"))
    assert f"smolwatch show {home.inbox / 'both.heic'}" in invoke(home, "why", str(home.inbox / "both.mov"))


def test_a_film_that_still_waits_gives_its_job_to_its_picture(home: DaemonHome, phone: Phone, tmp_path: Path) -> None:
    missing = {"SMOLWATCH_MODEL__ENGINE": "torch", "SMOLWATCH_MODEL__ID": str(tmp_path / "nothing")}
    modelless = DaemonHome(home.settings.home, missing)
    try:
        daemon = modelless.start_and_wait()
        phone.give(home.inbox / "a.mov")
        wait_for(lambda: home.states() == {"a.mov": JobState.QUEUED}, 20)
        (before,) = home.jobs().values()
        phone.give(home.inbox / "a.heic")
        wait_for(lambda: home.states() == {"a.heic": JobState.QUEUED}, 20)
        wait_for(lambda: home.why("a.mov").endswith("its picture, a.heic."))
        stop(daemon)
    finally:
        modelless.close()
    assert home.start("--once").wait(40) == 0
    assert settled(home, "a.heic")
    (after,) = home.jobs().values()
    assert after.id == before.id


def test_the_other_half_lives_when_one_is_deleted(home: DaemonHome, phone: Phone) -> None:
    for name in ("a.heic", "a.mov", "b.heic", "b.mov", "c.mov"):
        phone.give(home.inbox / name)
    home.start_and_wait()
    wait_for(lambda: settled(home, "a.heic", "b.heic", "c.mov"), 40)
    phone.give(home.inbox / "c.jpg")
    wait_for(lambda: "Live Photo" in home.why("c.jpg"), 20)
    for name in ("a.mov", "b.heic", "c.mov"):  # a film set aside, a described picture, a described film
        (home.inbox / name).unlink()
    wait_for(lambda: {"b.mov", "c.jpg"} <= described(home), 30)
    wait_for(lambda: settled(home, "a.heic", "b.heic", "b.mov", "c.mov", "c.jpg"), 20)
    assert sorted(home.jobs()) == ["a.heic", "b.heic", "b.mov", "c.jpg", "c.mov"]


def test_a_pair_that_is_moved_keeps_its_one_description(home: DaemonHome, phone: Phone) -> None:
    for name in ("a.heic", "a.mov", "b.mov", "c.heic", "c.mov"):
        phone.give(home.inbox / name)
    home.start_and_wait()
    wait_for(lambda: settled(home, "a.heic", "b.mov", "c.heic"), 40)
    phone.give(home.inbox / "b.jpg")
    wait_for(lambda: "Live Photo" in home.why("b.jpg"), 20)
    before = {job.id for job in home.jobs().values()}
    (home.inbox / "trip").mkdir()
    for name in ("a.heic", "a.mov", "b.jpg", "b.mov", "c.heic"):  # the last leaves its film behind
        (home.inbox / name).rename(home.inbox / "trip" / name)
    wait_for(lambda: settled(home, "trip/a.heic", "trip/b.mov", "trip/c.heic"), 40)
    wait_for(lambda: "trip/c.heic" in home.why("c.mov"), 20)
    assert home.why("trip/a.mov").endswith("its picture, a.heic.")
    assert {job.id for job in home.jobs().values()} == before


def test_what_happens_while_no_daemon_runs_is_found_at_the_next_start(home: DaemonHome, phone: Phone) -> None:
    for name in ("a.heic", "a.mov", "b.mov", "c.heic", "d.heic", "d.mov"):
        phone.give(home.inbox / name)
    assert home.start("--once").wait(40) == 0
    assert settled(home, "a.heic", "b.mov", "c.heic", "d.heic")
    (home.inbox / "a.heic").unlink()
    phone.give(home.inbox / "b.jpg")
    phone.give(home.inbox / "c.mov")
    before = home.jobs()
    assert home.start("--once").wait(40) == 0
    assert described(home) == {"a.heic", "a.mov", "b.mov", "c.heic", "d.heic"}
    jobs = {name: job for name, job in home.jobs().items() if name != "a.mov"}
    assert [name for name, job in jobs.items() if job.missing_since is not None] == ["a.heic"]
    assert {name: replace(job, missing_since=None) for name, job in jobs.items()} == before
    assert home.start("--once").wait(40) == 0
    assert len(home.jobs()) == 5


def test_a_film_takes_the_place_of_a_picture_that_cannot_be_described(home: DaemonHome, phone: Phone) -> None:
    phone.give(home.inbox / "a.mov")
    phone.give(home.inbox / "a.jpg")
    content = bytearray((home.inbox / "a.jpg").read_bytes())
    size = content.index(b"\xff\xc0") + 5
    content[size : size + 4] = b"\xff" * 4  # a picture of 65535 x 65535, says its header
    (home.inbox / "a.jpg").write_bytes(content)
    home.start_and_wait()
    wait_for(lambda: described(home) == {"a.mov"}, 40)
    assert home.states()["a.jpg"] in (JobState.FAILED, JobState.SKIPPED)
    assert not home.why("a.mov")


def test_a_hundred_pairs_are_a_hundred_descriptions(home: DaemonHome, phone: Phone) -> None:
    home.start_and_wait()
    for end in (".mov", ".jpg"):
        for number in range(100):
            phone.give(home.inbox / f"IMG_{number:03}{end}")
    wait_for(lambda: len(described(home)) == 100 and home.states() and set(home.states().values()) == {DONE}, 50)
    assert {name.partition(".")[0] for name in described(home)} == {f"IMG_{number:03}" for number in range(100)}
    assert len(home.jobs()) == 100
