"""Any order of events that workers, deaths, clocks and people can make: the store keeps its promises after each."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from storage.database import open_database
from storage.errors import LostClaim
from storage.jobs import JobStore
from storage.library import Library
from storage.lifecycle import ARROWS, Cause, JobState
from storage.records import Admission, Claim, Description, Job, NewFile
from tests.fakes.clock import FakeClock
from tests.fakes.files import MODEL, RECIPE, description_of, new_file

LEASE = 60.0
MAX_ATTEMPTS = 2
PATHS = st.sampled_from((b"/inbox/a.jpg", b"/inbox/b.jpg"))
CONTENTS = st.sampled_from((b"one", b"two"))
SECONDS = st.sampled_from((1.0, 30.0, LEASE, 3 * LEASE))
ANY = st.integers(0, 10**6)
WORKED_ON = {JobState.RUNNING, JobState.PUBLISHING}
DESCRIBED = {JobState.PUBLISHING, JobState.DONE}


class Jobs(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.clock = FakeClock()
        self.database = open_database(self.folder / "smolwatch.db")
        self.store, self.library = JobStore(self.database, self.clock.now), Library(self.database)
        self.files: dict[bytes, NewFile] = {}  # what lies at each path now, and was admitted
        self.claims: list[Claim] = []  # every right to speak that was ever given, dead workers' too
        self.holders: dict[int, Claim] = {}  # the one claim on a job that counts
        self.seen: dict[int, Job] = {}
        self.published = 0

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.everything_ends()
            self.database.close()
            shutil.rmtree(self.folder)

    # What may happen

    @rule(path=PATHS, content=CONTENTS)
    def admit(self, path: bytes, content: bytes) -> None:
        file = new_file(path, content)
        admission, job_id = self.store.admit(file, model=MODEL, recipe=RECIPE, max_attempts=MAX_ATTEMPTS)
        self.files[path] = file
        job = self.library.job(job_id)
        assert (job.path, job.digest) == (path, file.digest)
        assert job.state.is_final() == (admission is Admission.ALREADY_DESCRIBED)

    @rule()
    def claim(self) -> None:
        claim = self.store.claim("w", lease_seconds=LEASE)
        if claim:
            assert claim.job.id not in self.holders, "two hold one job"
            self.hold(claim)

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @precondition(lambda self: self.claims)
    @rule(which=ANY)
    def beat(self, which: int) -> None:
        claim = self.claims[which % len(self.claims)]
        assert self.store.beat(claim, lease_seconds=LEASE) == (self.holders.get(claim.job.id) is claim)

    @precondition(lambda self: self.claims)
    @rule(which=ANY)
    def release(self, which: int) -> None:
        claim, may = self.speaker(which, JobState.RUNNING)
        assert self.store.release(claim, "Stopping.") == may
        if may:
            del self.holders[claim.job.id]

    @precondition(lambda self: self.claims)
    @rule(which=ANY)
    def publish(self, which: int) -> None:
        claim, may = self.speaker(which, JobState.RUNNING)
        self.speaks(claim, may, lambda: self.store.publish(claim, said_of(claim.job)), keeps=True)
        self.published += may

    @precondition(lambda self: self.claims)
    @rule(which=ANY)
    def finish(self, which: int) -> None:
        claim, may = self.speaker(which, JobState.PUBLISHING)
        self.speaks(claim, may, lambda: self.store.finish(claim))

    @precondition(lambda self: self.claims)
    @rule(which=ANY, end=st.sampled_from(("fail", "skip", "gone")))
    def end(self, which: int, end: str) -> None:
        claim, may = self.speaker(which, JobState.RUNNING)
        if end == "fail":
            self.speaks(claim, may, lambda: self.store.fail(claim, code="c", reason="r", cause=Cause.INPUT))
        elif end == "skip":
            self.speaks(claim, may, lambda: self.store.skip(claim, code="c", reason="r"))
        else:
            self.speaks(claim, may, lambda: self.store.gone(claim, "It went away."))
            file = self.files.get(claim.job.path)
            if may and file and file.digest == claim.job.digest:
                del self.files[claim.job.path]

    @precondition(lambda self: self.claims)
    @rule(which=ANY, seconds=SECONDS, charged=st.booleans())
    def retry_later(self, which: int, seconds: float, charged: bool) -> None:
        claim, may = self.speaker(which, JobState.RUNNING)
        at = self.clock.now() + timedelta(seconds=seconds)
        later = self.store.retry_later if charged else self.store.wait
        self.speaks(claim, may, lambda: later(claim, code="c", reason="r", cause=Cause.TRANSIENT, not_before=at))

    @precondition(lambda self: self.claims)
    @rule(which=ANY, seconds=SECONDS)
    def postpone(self, which: int, seconds: float) -> None:
        claim, may = self.speaker(which, JobState.PUBLISHING)
        at = self.clock.now() + timedelta(seconds=seconds)
        self.speaks(claim, may, lambda: self.store.postpone(claim, code="c", reason="r", not_before=at))

    @rule()
    def reap(self) -> None:
        for job_id in self.store.reap():
            del self.holders[job_id]

    @rule()
    def daemon_restarts(self) -> None:
        assert self.store.abandon_all("The daemon died.") == len(self.holders)
        self.holders.clear()

    @rule()
    def take_up(self) -> None:
        for claim, description in self.store.take_up("w", lease_seconds=LEASE):
            assert description.digest == claim.job.digest
            self.hold(claim)

    @precondition(lambda self: self.library.jobs(limit=1))
    @rule(which=ANY)
    def person_retries(self, which: int) -> None:
        jobs = self.library.jobs()
        job = jobs[which % len(jobs)]
        if any(other.path == job.path and other.state is not JobState.GONE for other in jobs):
            assert not self.store.requeue(job.id).state.is_final()

    @rule(path=PATHS, to=PATHS)
    def file_moves(self, path: bytes, to: bytes) -> None:
        file = self.files.get(path)
        if file is None or path == to:
            return
        known = self.library.jobs_of([file.fingerprint])
        newest = next((job for job in known if (job.path, job.digest) == (path, file.digest)), None)
        if newest and self.store.follow(newest, to):
            del self.files[path]
            self.files[to] = replace(file, path=to)
            assert self.library.job(newest.id).path == to

    @rule()
    def person_retries_all(self) -> None:
        self.store.requeue_failed()

    # What must hold after each

    @invariant()
    def every_promise_is_kept(self) -> None:
        jobs = self.library.jobs(limit=1000)
        self.no_file_is_without_a_job(jobs)
        self.one_waits_and_one_is_worked_on_at_most(jobs)
        for job in jobs:
            assert 0 <= job.attempts <= MAX_ATTEMPTS
            assert job.state is not JobState.QUEUED or job.attempts < MAX_ATTEMPTS, "it could never be claimed"
            assert job.id not in self.holders or job.state in WORKED_ON
            if self.seen.get(job.id) != job:
                self.every_arrow_was_an_arrow(job)
                self.it_has_its_one_description_if_it_is_described(job)
        self.seen = {job.id: job for job in jobs}
        assert self.published == sum(job.state in DESCRIBED for job in jobs)

    def no_file_is_without_a_job(self, jobs: list[Job]) -> None:
        kept = {(job.path, job.digest) for job in jobs if job.state is not JobState.GONE}
        assert {(path, file.digest) for path, file in self.files.items()} <= kept, "a job was lost"

    def one_waits_and_one_is_worked_on_at_most(self, jobs: list[Job]) -> None:
        for states in ({JobState.QUEUED}, WORKED_ON):
            at = [job.path for job in jobs if job.state in states]
            assert len(at) == len(set(at))

    def every_arrow_was_an_arrow(self, job: Job) -> None:
        state = None
        for event in self.library.events(job.id):
            assert event.before is state
            state = event.after
            assert event.before in {None, state} or (event.before, state) in ARROWS
        assert state is job.state

    def it_has_its_one_description_if_it_is_described(self, job: Job) -> None:
        description = self.library.description(job.id)
        assert (description is not None) == (job.state in DESCRIBED)
        if description:
            assert (description.path, description.digest) == (job.path, job.digest)

    def everything_ends(self) -> None:
        """With one honest worker from here on, every job comes to an end."""
        for _ in range(100):
            self.clock.advance(3600)
            self.reap()
            self.take_up()
            self.claim()
            for claim in list(self.holders.values()):
                job = self.library.job(claim.job.id)
                if job.state is JobState.RUNNING:
                    self.store.publish(claim, said_of(job))
                    self.published += 1
                self.store.finish(claim)
                del self.holders[claim.job.id]
            if not self.store.waiting():
                break
        assert self.store.waiting() == 0, "a job is stuck"
        self.every_promise_is_kept()

    # How the test speaks

    def hold(self, claim: Claim) -> None:
        self.claims.append(claim)
        self.holders[claim.job.id] = claim

    def speaker(self, which: int, state: JobState) -> tuple[Claim, bool]:
        """A claim of any age, and whether what it says must be heard."""
        claim = self.claims[which % len(self.claims)]
        heard = self.holders.get(claim.job.id) is claim
        return claim, heard and self.library.job(claim.job.id).state is state

    def speaks(self, claim: Claim, may: bool, say: Callable[[], None], *, keeps: bool = False) -> None:
        try:
            say()
        except LostClaim:
            assert not may, "a worker lost a claim that it held"
            return
        assert may, "a stale worker was heard"
        if not keeps:
            del self.holders[claim.job.id]


def said_of(job: Job) -> Description:
    return description_of(
        NewFile(path=job.path, fingerprint=job.fingerprint, digest=job.digest, kind=job.kind, format=job.format)
    )


TestJobs = Jobs.TestCase
TestJobs.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
