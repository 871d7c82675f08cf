"""The books after a time of deaths: every file that was accepted is accounted for, once."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from storage.db.database import open_database
from storage.health import problems
from storage.library import Library
from storage.lifecycle import JobState
from storage.records import Job
from tests.support.processes import House

DESCRIBED = "Described."
#: A description was written out, and now its file is asked about once more.
CLAIMED = "Claimed by "


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """`wrong` holds sentences. All is well when lost, doubled and wrong are empty."""

    states: Counter[JobState]
    lost: list[str]
    doubled: list[str]
    wrong: list[str]

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.wrong)


def audit(house: House, accepted: Iterable[str]) -> Ledger:
    """Hold the house's database and inbox against the names of the files that were dropped. No daemon works now."""
    with closing(open_database(house.settings.database_place, read_only=True)) as database:
        library = Library(database)
        wrong = problems(database)
        jobs = library.jobs(limit=1_000_000)
        doubled = [job.name for job in jobs if was_described_again(library, job)]
        wrong += [f"{job.name}: {what}" for job in jobs for what in faults_of(library, job)]
    newest = {job.name: job for job in reversed(jobs)}
    doubled += [name for name, count in Counter(job.name for job in jobs).items() if count > 1]
    lost = [
        story(name, newest.get(name)) for name in accepted if name not in newest or not newest[name].state.is_final()
    ]
    wrong += [f"left behind: {path}" for path in house.inbox.rglob(".sw-*")]
    return Ledger(states=Counter(job.state for job in jobs), lost=lost, doubled=doubled, wrong=wrong)


def story(name: str, job: Job | None) -> str:
    """What keeps an accepted file from being done."""
    if job is None:
        return f"{name}: no job"
    return f"{name}: {job.state}, attempt {job.attempts}, {job.reason_code}: {job.reason} until {job.not_before}"


def was_described_again(library: Library, job: Job) -> bool:
    """Whether the model was asked, or could have been, although its answer was stored."""
    notes = [event.note for event in library.events(job.id)]
    if DESCRIBED not in notes:
        return False
    after = notes[notes.index(DESCRIBED) + 1 :]
    return any(note == DESCRIBED or note.startswith(CLAIMED) for note in after)


def faults_of(library: Library, job: Job) -> Iterator[str]:
    if job.state in {JobState.FAILED, JobState.SKIPPED} and not (job.reason and job.reason_code):
        yield f"{job.state} without a reason"
    if job.state is not JobState.DONE:
        return
    description = library.description(job.id)
    if description is None:
        yield "done, but nothing was said"
        return
    record = Path(os.fsdecode(job.path + b".smolwatch.json"))
    text = Path(os.fsdecode(job.path + b".md"))
    written = json.loads(record.read_text()) if record.exists() else {}
    if any(written.get(key) != value for key, value in json.loads(json.dumps(description.record())).items()):
        yield "its record beside the file does not say what the database says"
    if not text.exists() or description.answers["caption"] not in text.read_text():
        yield "its text beside the file does not hold its caption"
