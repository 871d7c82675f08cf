"""Fault 10: a file is deleted or moved while it waits, or after it was described. Real."""

from __future__ import annotations

import json
import os
from pathlib import Path

from loguru import logger
from PIL import Image

from daemon.errors import GoneError
from daemon.media.safe_open import open_checked
from storage.lifecycle import JobState
from tests.support.intake_home import PNG, IntakeHome
from tests.support.processes import DaemonHome
from tests.support.waiting import wait_for
from tests.support.worker_bench import Bench


def test_a_file_that_is_deleted_while_it_waits_is_gone_without_noise(bench: Bench) -> None:
    job = bench.queue()
    path = bench.library.job(job).path
    os.unlink(path)
    bench.opener.failures[path] = open_failure(path)
    noise: list[str] = []
    listener = logger.add(noise.append, level="WARNING")
    bench.run_rounds()
    logger.remove(listener)
    assert (bench.state(job), noise) == (JobState.GONE, [])


def test_a_job_that_waits_goes_along_with_its_file(intake_home: IntakeHome) -> None:
    (intake_home.inbox / "trip").mkdir()
    (intake_home.inbox / "old.png").write_bytes(PNG)
    intake_home.start_and_settle()
    (before,) = intake_home.jobs()
    (intake_home.inbox / "old.png").rename(intake_home.inbox / "trip" / "new.png")
    wait_for(lambda: intake_home.queued() == {"trip/new.png"})
    (after,) = intake_home.jobs()
    assert (after.id, after.state, after.queued_at) == (before.id, JobState.QUEUED, before.queued_at)
    note = f"The file was moved here from {before.file}."
    assert [event.note for event in intake_home.library.events(after.id)] == ["Admitted.", note]


def test_a_job_that_a_worker_missed_between_two_names_goes_on(intake_home: IntakeHome) -> None:
    (intake_home.inbox / "old.png").write_bytes(PNG)
    intake_home.start_and_settle()
    claim = intake_home.store.claim("worker", lease_seconds=60)
    assert claim is not None
    (intake_home.inbox / "old.png").rename(intake_home.inbox / "new.png")
    intake_home.store.mark_gone(claim, "The file is no longer there.")
    wait_for(lambda: intake_home.queued() == {"new.png"})
    (job,) = intake_home.jobs()
    assert (job.id, job.state) == (claim.job.id, JobState.QUEUED)


def test_a_moved_folder_of_described_files_is_published_anew_and_not_described_anew(home: DaemonHome) -> None:
    (home.inbox / "trip").mkdir()
    for name in ("a.png", "trip/b.png", "trip/c.png"):
        Image.new("RGB", (32 + len(name), 32), "red").save(home.inbox / name)
    home.start_and_wait()
    wait_for(lambda: list(home.states().values()) == [JobState.DONE] * 3, 30)
    before = {job.id: job.digest for job in home.jobs().values()}
    with (home.inbox / "a.png.md").open("a") as file:
        file.write("my own words")
    (home.inbox / "a.png").rename(home.inbox / "z.png")
    (home.inbox / "trip").rename(home.inbox / "journey")
    expected = {f"{name}{end}" for name in ("z.png", "b.png", "c.png") for end in ("", ".md", ".smolwatch.json")}
    wait_for(lambda: names(home.inbox) == expected, 30)
    wait_for(lambda: list(home.states().values()) == [JobState.DONE] * 3, 30)
    assert {job.id: job.digest for job in home.jobs().values()} == before
    assert json.loads((home.inbox / "z.png.smolwatch.json").read_text())["file"]["name"] == "z.png"
    text = (home.inbox / "z.png.md").read_text()
    assert "# z.png\n" in text
    assert text.endswith("my own words\n"), "what a person wrote goes along"
    for job in home.jobs().values():
        assert home.notes(job).count("Described.") == 1


def names(inbox: Path) -> set[str]:
    return {path.name for path in inbox.rglob("*") if path.is_file()}


def open_failure(path: bytes) -> Exception:
    """What the decoder says of a path where nothing is."""
    try:
        os.close(open_checked(path, max_bytes=1000))
    except GoneError as error:
        return error
    raise AssertionError("the file is still there")
