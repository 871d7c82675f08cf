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
from tests.support.processes import House
from tests.support.waiting import wait_for

DONE = JobState.DONE


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "house")
    yield house
    house.close()


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


def described(house: House) -> set[str]:
    """The files beside which both sidecars stand, by their place in the inbox."""
    records, texts = (
        {str(file.relative_to(house.inbox)).removesuffix(end) for file in house.inbox.rglob(f"*{end}")}
        for end in (".smolwatch.json", ".md")
    )
    return records & texts


def settled(house: House, *names: str) -> bool:
    """Exactly these are described, nothing is under way, and the intake is done with all that lies there."""
    jobs = house.jobs().values()
    with house.reading() as library:
        intake = library.status.intake()
    at_rest = intake is not None and intake.settling == 0
    return at_rest and all(job.state is DONE for job in jobs) and described(house) == set(names)


def stop(daemon: subprocess.Popen[str]) -> None:
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(20) == 0


def ask(house: House, *words: str) -> str:
    return CliRunner().invoke(smolwatch, ["--home", str(house.settings.home), *words], catch_exceptions=False).output


def test_both_at_once_and_either_half_first(house: House, phone: Phone) -> None:
    for name in ("both.mov", "both.heic", "picture.jpg", "film.mov"):
        phone.give(house.inbox / name)
    house.start_and_wait()
    wait_for(lambda: settled(house, "both.heic", "picture.jpg", "film.mov"), 40)
    before = house.jobs()
    for late in ("picture.mov", "film.heic"):
        phone.give(house.inbox / late)
    wait_for(lambda: all("Live Photo" in house.why(late) for late in ("picture.mov", "film.heic")), 20)
    wait_for(lambda: settled(house, "both.heic", "picture.jpg", "film.mov"), 20)
    assert house.jobs() == before
    assert house.why("both.mov").endswith("described together with its picture, both.heic.")
    assert house.why("film.heic").endswith("described together with film.mov, which came first.")
    assert "A picture of" in ask(house, "show", str(house.inbox / "both.mov"))
    assert "both.mov (a Live Photo" in ask(house, "show", str(house.inbox / "both.heic"))
    assert f"smolwatch show {house.inbox / 'both.heic'}" in ask(house, "why", str(house.inbox / "both.mov"))


def test_a_film_that_still_waits_gives_its_job_to_its_picture(house: House, phone: Phone, tmp_path: Path) -> None:
    missing = {"SMOLWATCH_MODEL__ENGINE": "torch", "SMOLWATCH_MODEL__ID": str(tmp_path / "nothing")}
    modelless = House(house.settings.home, missing)
    try:
        daemon = modelless.start_and_wait()
        phone.give(house.inbox / "a.mov")
        wait_for(lambda: house.states() == {"a.mov": JobState.QUEUED}, 20)
        (before,) = house.jobs().values()
        phone.give(house.inbox / "a.heic")
        wait_for(lambda: house.states() == {"a.heic": JobState.QUEUED}, 20)
        wait_for(lambda: house.why("a.mov").endswith("its picture, a.heic."))
        stop(daemon)
    finally:
        modelless.close()
    assert house.start("--once").wait(40) == 0
    assert settled(house, "a.heic")
    (after,) = house.jobs().values()
    assert after.id == before.id


def test_the_other_half_lives_when_one_is_deleted(house: House, phone: Phone) -> None:
    for name in ("a.heic", "a.mov", "b.heic", "b.mov", "c.mov"):
        phone.give(house.inbox / name)
    house.start_and_wait()
    wait_for(lambda: settled(house, "a.heic", "b.heic", "c.mov"), 40)
    phone.give(house.inbox / "c.jpg")
    wait_for(lambda: "Live Photo" in house.why("c.jpg"), 20)
    for name in ("a.mov", "b.heic", "c.mov"):  # a film set aside, a described picture, a described film
        (house.inbox / name).unlink()
    wait_for(lambda: {"b.mov", "c.jpg"} <= described(house), 30)
    wait_for(lambda: settled(house, "a.heic", "b.heic", "b.mov", "c.mov", "c.jpg"), 20)
    assert sorted(house.jobs()) == ["a.heic", "b.heic", "b.mov", "c.jpg", "c.mov"]


def test_a_pair_that_is_moved_keeps_its_one_description(house: House, phone: Phone) -> None:
    for name in ("a.heic", "a.mov", "b.mov", "c.heic", "c.mov"):
        phone.give(house.inbox / name)
    house.start_and_wait()
    wait_for(lambda: settled(house, "a.heic", "b.mov", "c.heic"), 40)
    phone.give(house.inbox / "b.jpg")
    wait_for(lambda: "Live Photo" in house.why("b.jpg"), 20)
    before = {job.id for job in house.jobs().values()}
    (house.inbox / "trip").mkdir()
    for name in ("a.heic", "a.mov", "b.jpg", "b.mov", "c.heic"):  # the last leaves its film behind
        (house.inbox / name).rename(house.inbox / "trip" / name)
    wait_for(lambda: settled(house, "trip/a.heic", "trip/b.mov", "trip/c.heic"), 40)
    wait_for(lambda: "trip/c.heic" in house.why("c.mov"), 20)
    assert house.why("trip/a.mov").endswith("its picture, a.heic.")
    assert {job.id for job in house.jobs().values()} == before


def test_what_happens_while_no_daemon_runs_is_found_at_the_next_start(house: House, phone: Phone) -> None:
    for name in ("a.heic", "a.mov", "b.mov", "c.heic", "d.heic", "d.mov"):
        phone.give(house.inbox / name)
    assert house.start("--once").wait(40) == 0
    assert settled(house, "a.heic", "b.mov", "c.heic", "d.heic")
    (house.inbox / "a.heic").unlink()
    phone.give(house.inbox / "b.jpg")
    phone.give(house.inbox / "c.mov")
    before = house.jobs()
    assert house.start("--once").wait(40) == 0
    assert described(house) == {"a.heic", "a.mov", "b.mov", "c.heic", "d.heic"}
    jobs = {name: job for name, job in house.jobs().items() if name != "a.mov"}
    assert [name for name, job in jobs.items() if job.missing_since is not None] == ["a.heic"]
    assert {name: replace(job, missing_since=None) for name, job in jobs.items()} == before
    assert house.start("--once").wait(40) == 0
    assert len(house.jobs()) == 5


def test_a_film_takes_the_place_of_a_picture_that_cannot_be_described(house: House, phone: Phone) -> None:
    phone.give(house.inbox / "a.mov")
    phone.give(house.inbox / "a.jpg")
    content = bytearray((house.inbox / "a.jpg").read_bytes())
    size = content.index(b"\xff\xc0") + 5
    content[size : size + 4] = b"\xff" * 4  # a picture of 65535 x 65535, says its header
    (house.inbox / "a.jpg").write_bytes(content)
    house.start_and_wait()
    wait_for(lambda: described(house) == {"a.mov"}, 40)
    assert house.states()["a.jpg"] in (JobState.FAILED, JobState.SKIPPED)
    assert not house.why("a.mov")


def test_a_hundred_pairs_are_a_hundred_descriptions(house: House, phone: Phone) -> None:
    house.start_and_wait()
    for end in (".mov", ".jpg"):
        for number in range(100):
            phone.give(house.inbox / f"IMG_{number:03}{end}")
    wait_for(lambda: len(described(house)) == 100 and house.states() and set(house.states().values()) == {DONE}, 50)
    assert {name.partition(".")[0] for name in described(house)} == {f"IMG_{number:03}" for number in range(100)}
    assert len(house.jobs()) == 100
