"""An audit after a soak: every accepted file has exactly one result, and nothing else has any."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from config.recipes import load_recipes
from daemon.intake.watched_inboxes import inboxes_of
from storage.db.database import open_database
from storage.health import problems
from storage.library import Library
from storage.lifecycle import JobState
from storage.records import Job, JobSpec
from tests.support.processes import DaemonHome

DESCRIBED = "Described."
#: The first note of a job that the intake queued for a new path; all others have another reason.
ADMITTED = "Admitted."
#: After "Described.": the file would be described twice.
CLAIMED = "Claimed by "


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """`wrong` holds sentences. Clean when lost, doubled and wrong are empty."""

    states: Counter[JobState]
    lost: list[str]
    doubled: list[str]
    wrong: list[str]

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.wrong)


def audit(home: DaemonHome, accepted: Collection[str]) -> Ledger:
    """Compare database and inbox with the names of the dropped files. No daemon is running."""
    with closing(open_database(home.settings.database_place, read_only=True)) as database:
        library = Library(database)
        wrong = problems(database)
        jobs = library.jobs(limit=1_000_000)
        doubled = [job.name for job in jobs if was_described_again(library, job)]
        wrong += [f"{job.name}: {what}" for job in jobs for what in faults_of(library, job)]
        latest = library.current_jobs_at({job.path for job in jobs})
        wrong += [f"{job.name}: {what}" for job in latest for what in faults_of_sidecars(library, job)]
        new = [job for job in jobs if library.events(job.id)[0].note == ADMITTED]
    doubled += [name for name, count in Counter(job.name for job in new).items() if count > 1]
    wrong += [f"{job.name}: by {job.spec}" for job in new if job.spec != spec_at(home, job.path)]
    known = {job.name for job in jobs}
    wrong += [f"{name}: was not dropped into an inbox" for name in known.difference(accepted)]
    lost = [state_of(name, None) for name in accepted if name not in known]
    lost += [state_of(job.name, job) for job in jobs if not job.state.is_final()]
    wrong += [f"left behind: {path}" for inbox in home.settings.inboxes for path in inbox.path.rglob(".sw-*")]
    return Ledger(states=Counter(job.state for job in jobs), lost=lost, doubled=doubled, wrong=wrong)


def spec_at(home: DaemonHome, path: bytes) -> JobSpec | None:
    """What a new file there is asked."""
    return inboxes_of(home.settings).spec_of(load_recipes(home.settings.home), path)


def state_of(name: str, job: Job | None) -> str:
    """The state of an accepted file that is not done."""
    if job is None:
        return f"{name}: no job"
    return f"{name}: {job.state}, attempt {job.attempts}, {job.reason_code}: {job.reason} until {job.not_before}"


def was_described_again(library: Library, job: Job) -> bool:
    """Whether the job was claimed or described again after its description was stored."""
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
        yield "done, but without a description"
        return
    if (description.recipe.name, description.recipe.digest) != (job.spec.recipe, job.spec.recipe_digest):
        yield f"described by {description.recipe}, not as {job.spec}"
    if job.spec.detail not in (None, description.model.detail):
        yield f"described with {description.model.detail} detail, not as {job.spec}"


def faults_of_sidecars(library: Library, job: Job) -> Iterator[str]:
    """`job`: the newest of its recipe."""
    description = library.description(job.id)
    if job.state is not JobState.DONE or description is None:
        return
    record = Path(os.fsdecode(job.path + b".smolwatch.json"))
    text = Path(os.fsdecode(job.path + b".md"))
    written = json.loads(record.read_text()) if record.exists() else {}
    written = written.get("other_recipes", {}).get(job.spec.recipe, written)
    if any(written.get(key) != value for key, value in json.loads(json.dumps(description.record())).items()):
        yield "its JSON sidecar differs from the database"
    if not text.exists() or next(iter(description.answers.values())) not in text.read_text():
        yield "its Markdown sidecar lacks the first answer"
