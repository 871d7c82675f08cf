"""A state machine: the store's invariants hold after any sequence of worker, crash, clock, file and user events.

At most one valid claim a job, and only it changes the job; attempts never above their limit; every admitted file in
exactly one state; no description lost, doubled or changed; events that match the jobs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from storage.commands.command_inbox import CommandInbox
from storage.commands.requests import CommandKind
from storage.description import Description, RecipeFacts
from storage.errors import ClaimLostError
from storage.jobs.transitions import MAX_WAIT
from storage.lifecycle import TRANSITIONS, Cause, JobState
from storage.records import Admission, Claim, Job, JobSpec, NewFile
from tests.fakes.clock import FakeClock
from tests.support.files import MODEL, SPEC, description_of, new_file
from tests.support.stores import MakeStore, on_postgres, on_sqlite

LEASE = 60.0
MAX_ATTEMPTS = 2
HERE, THERE, LOST = b"/inbox/a.jpg", b"/inbox/b.jpg", b"/inbox/c.jpg"
PATHS = st.sampled_from((HERE, HERE, THERE))  # few paths, so that more events collide
#: A disk in memory: thousands of transactions need not reach a drive.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
CONTENTS = st.sampled_from((b"one", b"two"))
OTHER = replace(SPEC, recipe="alt-text", recipe_digest="8899aabbccddeeff", priority=1)
SPECS = st.sampled_from((SPEC, SPEC, OTHER))
REDOS = st.sampled_from((SPEC, OTHER, replace(SPEC, detail="full"), replace(OTHER, model="demo")))
MODELS = (None, "demo")
SECONDS = st.sampled_from((1.0, 30.0, LEASE, 3 * LEASE))
JUMPS = st.sampled_from((timedelta(days=1), timedelta(days=-1), timedelta(minutes=30), timedelta(minutes=-30)))
ANY = st.integers(0, 10**6)
UNDONE = ("release", "retry", "wait", "fail", "skip", "gone")
ACTS = ("beat", *["publish"] * 4, *["finish"] * 3, "postpone", *UNDONE)
#: Events that others depend on are more frequent.
EVENTS = (
    *["a file comes"] * 3,
    *["a file moves"] * 2,
    "a file is deleted",
    "another file takes a name",
    "the inbox is swept",
    "sidecars vanish",
    "a description is imported",
    *["a worker claims"] * 5,
    *ACTS,
    "a worker claims unpublished jobs",
    "time passes",
    *["silence"] * 2,
    "the clock is set",
    "the daemon reaps",
    "the daemon restarts",
    "a person retries",
    "a person retries all",
    "the settings name another recipe",
    "a person cancels",
    *["a person has a file described again"] * 2,
    "a person pauses",
    *["a person resumes"] * 2,
)
CLAIMED = {JobState.RUNNING, JobState.PUBLISHING}
DESCRIBED = {JobState.PUBLISHING, JobState.DONE}


class Jobs(RuleBasedStateMachine):
    """`make_store` opens the kind of database to test."""

    make_store: MakeStore

    @initialize()
    def open(self) -> None:
        self.resources = ExitStack()
        folder = self.resources.enter_context(tempfile.TemporaryDirectory(dir=MEMORY))
        self.clock = FakeClock()
        self.made = self.resources.enter_context(type(self).make_store(Path(folder), self.clock))
        self.store, self.library = self.made.store, self.made.library
        self.commands = CommandInbox(self.made.database, self.clock.now)
        self.leases: dict[int, datetime] = {}  # by job, when its lease expires without a heartbeat
        self.files: dict[bytes, NewFile] = {}  # the present, admitted file of each path
        self.claims: list[Claim] = []  # every claim ever made, also of dead workers
        self.holders: dict[int, Claim] = {}  # by job, the valid claim
        self.seen: dict[int, Job] = {}
        self.published: dict[int, Description] = {}  # by job, the published description

    def teardown(self) -> None:
        if hasattr(self, "made"):
            with self.resources:
                self.everything_ends()
                assert self.made.problems() == []

    # Events

    @rule(
        what=st.sampled_from(EVENTS),
        path=PATHS,
        content=CONTENTS,
        spec=SPECS,
        redo=REDOS,
        which=ANY,
        seconds=SECONDS,
        jump=JUMPS,
    )
    def one_event(
        self,
        what: str,
        path: bytes,
        content: bytes,
        spec: JobSpec,
        redo: JobSpec,
        which: int,
        seconds: float,
        jump: timedelta,
    ) -> None:
        """A single rule, since hypothesis disables whole rules for whole runs, and each of these is needed."""
        if what in ACTS:
            self.use_any_claim(what, which, seconds)
            return
        events: dict[str, Callable[[], object]] = {
            "a file comes": lambda: self.admit(path, content, spec),
            "a file moves": lambda: self.move_file(path, THERE if path == HERE else HERE),
            "a file is deleted": lambda: self.files.pop(path, None),  # the store is not notified
            "another file takes a name": lambda: self.admit(path, content, spec, name_was_free=True),
            "the inbox is swept": self.sweep,
            "sidecars vanish": self.sidecars_vanish,
            "a description is imported": lambda: self.import_description(content),
            "a worker claims": lambda: self.worker_claims(MODELS[which % 2]),
            "a worker claims unpublished jobs": self.claim_unpublished,
            "time passes": lambda: self.clock.advance(seconds),
            "the clock is set": lambda: self.clock.set_wall(self.clock.now() + jump),
            "silence": lambda: self.clock.advance(LEASE + 1),
            "the daemon reaps": self.reap,
            "the daemon restarts": self.daemon_restarts,
            "a person retries": lambda: self.person_retries(which),
            "a person retries all": self.store.requeue_failed,
            "the settings name another recipe": lambda: self.store.follow_recipes(lambda _: spec),
            "a person cancels": lambda: self.person_cancels(which),
            "a person has a file described again": lambda: self.person_redoes(which, redo),
            "a person pauses": lambda: self.commands.change_jobs(CommandKind.PAUSE),
            "a person resumes": lambda: self.commands.change_jobs(CommandKind.RESUME),
        }
        events[what]()
        if what in ("silence", "the clock is set"):
            self.reap()

    def use_any_claim(self, what: str, which: int, seconds: float) -> None:
        """With any claim, perhaps a lost one."""
        if not self.claims:
            return
        if what == "beat":
            self.beat(which)
        elif what == "publish":
            self.publish(which)
        elif what in UNDONE:
            self.give_up(which, what, seconds)
        else:
            self.end_publication(which, what, seconds)

    # Steps

    def person_retries(self, which: int) -> None:
        jobs = self.library.jobs()
        if not jobs:
            return
        job = jobs[which % len(jobs)]
        if any(asks_the_same(other, job) and other.state is not JobState.GONE for other in jobs):
            assert not self.store.requeue(job.id).state.is_final()

    def person_cancels(self, which: int) -> None:
        jobs = self.library.jobs()
        if not jobs:
            return
        job = jobs[which % len(jobs)]
        is_open = job.state in {JobState.QUEUED, JobState.RUNNING}
        assert self.store.cancel([job.id]) == ([job.id] if is_open else [])
        if is_open:
            self.holders.pop(job.id, None)

    def person_redoes(self, which: int, spec: JobSpec) -> None:
        """What waits for this recipe is described by the detail and the model that were requested last."""
        jobs = self.library.jobs()
        if not jobs:
            return
        job = jobs[which % len(jobs)]
        same = [other for other in jobs if other.path == job.path and other.spec.recipe == spec.recipe]
        is_live = any(not other.state.is_final() and chosen(other) == chosen_by(spec) for other in same)
        expected = job.state is JobState.DONE and not is_live
        assert self.store.describe_again([job.id], spec) == expected
        if expected:
            [waiting] = [other for other in self.jobs_of(job.path, spec.recipe) if other.state is JobState.QUEUED]
            assert (chosen(waiting), waiting.fresh) == (chosen_by(spec), True)

    def admit(self, path: bytes, content: bytes, spec: JobSpec, *, name_was_free: bool = False) -> None:
        file = replace(new_file(path, content), name_was_free=name_was_free)
        is_finished = self.is_finished(file, spec)
        described = self.described_by_other_recipes(file, spec)
        admission, job_id = self.store.admit(file, spec=spec, model=MODEL, max_attempts=MAX_ATTEMPTS)
        self.files[path] = file
        job = self.library.job(job_id)
        assert (job.path, job.digest, job.missing_since) == (path, file.digest, None)
        assert job.spec.recipe == spec.recipe
        assert job.state.is_final() == is_finished == (admission is Admission.ALREADY_DESCRIBED)
        if not name_was_free:
            for recipe in described:
                now = next(job for job in self.jobs_of(path, recipe) if not job.state.is_final())
                assert now.digest == file.digest, "a description by another recipe is about other bytes for ever"

    def described_by_other_recipes(self, file: NewFile, spec: JobSpec) -> list[str]:
        """The other recipes whose newest job at this path is done, about other bytes."""
        newest = {job.spec.recipe: job for job in reversed(self.jobs_of(file.path)) if job.spec.recipe != spec.recipe}
        return [name for name, job in newest.items() if job.state is JobState.DONE and job.digest != file.digest]

    def jobs_of(self, path: bytes, recipe: str | None = None) -> list[Job]:
        """Newest first, without those that are gone."""
        jobs = [job for job in self.library.jobs(limit=1000) if job.path == path and job.state is not JobState.GONE]
        return [job for job in jobs if recipe in (None, job.spec.recipe)]

    def is_finished(self, file: NewFile, spec: JobSpec) -> bool:
        """Whether the path's jobs of this recipe are final, and the newest is about these bytes and this recipe."""
        jobs = self.jobs_of(file.path, spec.recipe)
        return bool(jobs) and all(job.state.is_final() for job in jobs) and jobs[0].digest == file.digest

    def worker_claims(self, model: str | None) -> None:
        """The job that comes first by priority; no other of this model, unless it must wait."""
        before = list(self.seen.values())
        if not self.claim_one(model):
            return
        first = self.claims[-1].job.spec.priority
        for other in before:
            if other.state is JobState.QUEUED and other.spec.model == model and other.spec.priority < first:
                assert other.not_before is not None or self.is_blocked(other, before), "a job was overtaken"

    def claim_one(self, model: str | None) -> bool:
        claim = self.store.claim("w", lease_seconds=LEASE, model=model)
        if claim is None:
            return False
        assert claim.job.spec.model == model
        assert claim.job.id not in self.holders, "two claims on one job"
        assert self.library.status.paused_since() is None, "a job was begun during a pause"
        running = [self.library.job(held) for held in self.holders if self.is_running(held)]
        same = [job for job in running if answers_of(job) == answers_of(claim.job)]
        assert claim.job.fresh or not same, "the same bytes run twice at once"
        self.hold(claim)
        return True

    def is_blocked(self, job: Job, jobs: list[Job]) -> bool:
        """Whether it waits for another job: of its path and recipe, or of the same bytes."""
        begun = [other for other in jobs if other.state in CLAIMED]
        return any(asks_the_same(other, job) or answers_of(other) == answers_of(job) for other in begun)

    def is_running(self, job_id: int) -> bool:
        return self.library.job(job_id).state is JobState.RUNNING

    def beat(self, which: int) -> None:
        claim = self.claims[which % len(self.claims)]
        assert self.store.beat(claim, lease_seconds=LEASE) == (self.holders.get(claim.job.id) is claim)
        if self.holders.get(claim.job.id) is claim:
            self.leases[claim.job.id] = self.clock.now() + timedelta(seconds=LEASE)

    def publish(self, which: int) -> None:
        claim, is_valid = self.pick_claim(which, JobState.RUNNING)
        description = self.new_description(claim.job)
        self.act(claim, is_valid, lambda: self.store.publish(claim, description), keeps=True)
        if is_valid:
            self.published[claim.job.id] = description

    def end_publication(self, which: int, way: str, seconds: float) -> None:
        claim, is_valid = self.pick_claim(which, JobState.PUBLISHING)
        at = self.clock.now() + timedelta(seconds=seconds)
        postpone = partial(self.store.postpone, claim, code="c", reason="r", not_before=at)
        self.act(claim, is_valid, postpone if way == "postpone" else partial(self.store.finish, claim))

    def give_up(self, which: int, way: str, seconds: float) -> None:
        claim, is_valid = self.pick_claim(which, JobState.RUNNING)
        at = self.clock.now() + timedelta(seconds=seconds)
        why = {"code": "c", "reason": "r"}
        ways: dict[str, Callable[[], object]] = {
            "release": lambda: released(self.store.release(claim, "Stopping.")),
            "retry": lambda: self.store.retry_later(claim, **why, cause=Cause.TRANSIENT, not_before=at),
            "wait": lambda: self.store.wait(claim, **why, cause=Cause.TRANSIENT, not_before=at),
            "fail": lambda: self.store.fail(claim, **why, cause=Cause.INPUT),
            "skip": lambda: self.store.skip(claim, **why),
            "gone": lambda: self.store.mark_gone(claim, "It went away."),
        }
        self.act(claim, is_valid, ways[way])
        file = self.files.get(claim.job.path)
        if way == "gone" and is_valid and file and file.digest == claim.job.digest:
            del self.files[claim.job.path]

    def reap(self) -> None:
        for job_id in self.store.reap():
            self.check_lease_expired(job_id)
            del self.holders[job_id]

    def daemon_restarts(self) -> None:
        assert self.store.abandon_all("The daemon died.") == len(self.holders)
        self.holders.clear()

    def claim_unpublished(self) -> None:
        for claim, description in self.store.claim_unpublished("w", lease_seconds=LEASE):
            assert (description.path, description.answers) == (claim.job.path, self.published[claim.job.id].answers)
            self.check_lease_expired(claim.job.id)
            self.hold(claim)

    def sweep(self) -> None:
        """Marks the jobs whose file is missing, and no others."""
        before = {job.id for job in self.library.jobs(limit=1000) if job.missing_since is None}
        self.store.presence.mark_missing([path for path in (HERE, THERE, LOST) if path not in self.files])
        for job in self.library.jobs(limit=1000):
            if job.id in before and job.missing_since is not None:
                assert job.path not in self.files
                assert job.state.is_final() or job.state is JobState.PUBLISHING

    def sidecars_vanish(self) -> None:
        """The newest job of each path and recipe is published again, never while another of them is claimed."""
        jobs = self.library.jobs(limit=1000)
        self.store.presence.republish([job.id for job in jobs])
        for job in jobs:
            if self.library.job(job.id).state is not job.state:
                assert (job.state, job.missing_since) == (JobState.DONE, None)
                assert not any(asks_the_same(other, job) and other.id in self.holders for other in jobs)

    def import_description(self, content: bytes) -> None:
        file = new_file(LOST, content)
        description = description_of(file, answers={"caption": f"The {len(self.published)}th."})
        has_job = self.library.job_at(LOST) is not None
        imported = self.store.presence.import_described([(file, description)], max_attempts=MAX_ATTEMPTS)
        assert imported == (set() if has_job else {LOST})
        if imported:
            self.files[LOST] = file
            job = self.library.job_at(LOST)
            assert job is not None
            self.published[job.id] = description

    def move_file(self, path: bytes, to: bytes) -> None:
        file = self.files.get(path)
        if file is None:
            return
        known = self.library.jobs_of([file.fingerprint])
        for job in [job for job in known if (job.path, job.digest) == (path, file.digest)]:
            if self.store.relocate(job, to):
                assert job.id not in self.holders, "a claimed job was moved"
                self.files.pop(path, None)
                self.files[to] = replace(file, path=to)
                assert self.library.job(job.id).path == to

    # Invariants

    @invariant()
    def invariants_hold(self) -> None:
        jobs = self.library.jobs(limit=1000)
        self.no_file_is_without_a_job(jobs)
        self.one_waits_and_one_is_worked_on_at_most(jobs)
        for job in jobs:
            assert 0 <= job.attempts <= MAX_ATTEMPTS
            assert job.state is not JobState.QUEUED or job.attempts < MAX_ATTEMPTS, "it could never be claimed"
            assert job.id not in self.holders or job.state in CLAIMED
            if self.seen.get(job.id) != job:
                self.every_transition_was_allowed(job)
                self.it_has_its_one_description_if_it_is_described(job)
        self.seen = {job.id: job for job in jobs}
        assert {job.id for job in jobs if job.state in DESCRIBED} == set(self.published), (
            "a description was lost or doubled"
        )

    def no_file_is_without_a_job(self, jobs: list[Job]) -> None:
        kept = {(job.path, job.digest) for job in jobs if job.state is not JobState.GONE}
        assert {(path, file.digest) for path, file in self.files.items()} <= kept, "a job was lost"

    def one_waits_and_one_is_worked_on_at_most(self, jobs: list[Job]) -> None:
        for states in ({JobState.QUEUED}, CLAIMED):
            at = [(job.path, job.spec.recipe) for job in jobs if job.state in states]
            assert len(at) == len(set(at))

    def every_transition_was_allowed(self, job: Job) -> None:
        state = None
        for event in self.library.events(job.id):
            assert event.before is state
            state = event.after
            assert event.before in {None, state} or (event.before, state) in TRANSITIONS
        assert state is job.state

    def it_has_its_one_description_if_it_is_described(self, job: Job) -> None:
        description = self.library.description(job.id)
        assert (description is not None) == (job.state in DESCRIBED)
        if description:
            assert (description.path, description.digest) == (job.path, job.digest)
            assert description.answers == self.published[job.id].answers

    def everything_ends(self) -> None:
        """All workers die; with one correct worker every job ends within hours, for any clock changes."""
        self.commands.change_jobs(CommandKind.RESUME)
        for _ in range(3):
            self.clock.advance(MAX_WAIT.total_seconds())
            self.reap()
            self.claim_unpublished()
            assert all(self.library.job(id).state is JobState.PUBLISHING for id in self.holders), (
                "a claim outlives its worker"
            )
            self.all_held_are_done()
            while any(self.claim_one(model) for model in MODELS):
                self.all_held_are_done()
        unfinished = [state for state, count in self.library.counts().items() if count and not state.is_final()]
        assert unfinished == [], "a job is stuck"
        self.invariants_hold()

    def all_held_are_done(self) -> None:
        for claim in list(self.holders.values()):
            job = self.library.job(claim.job.id)
            if job.state is JobState.RUNNING:
                self.published[job.id] = self.new_description(job)
                self.store.publish(claim, self.published[job.id])
            self.store.finish(claim)
            del self.holders[claim.job.id]

    # Helpers

    def hold(self, claim: Claim) -> None:
        self.claims.append(claim)
        self.holders[claim.job.id] = claim
        self.leases[claim.job.id] = self.clock.now() + timedelta(seconds=LEASE)

    def check_lease_expired(self, job_id: int) -> None:
        """The lease had expired, or the clock was set back too far to know."""
        if job_id in self.holders:
            now, until = self.clock.now(), self.leases[job_id]
            assert until <= now or until > now + MAX_WAIT, "a claim was taken back too early"

    def pick_claim(self, which: int, state: JobState) -> tuple[Claim, bool]:
        """A claim of any age, and whether it must be accepted."""
        claim = self.claims[which % len(self.claims)]
        is_current = self.holders.get(claim.job.id) is claim
        return claim, is_current and self.library.job(claim.job.id).state is state

    def act(self, claim: Claim, is_valid: bool, change: Callable[[], object], *, keeps: bool = False) -> None:
        before = self.library.job(claim.job.id), self.library.events(claim.job.id)
        try:
            change()
        except ClaimLostError:
            assert not is_valid, "a worker lost a claim that it held"
            assert (self.library.job(claim.job.id), self.library.events(claim.job.id)) == before, "it changed something"
            return
        assert is_valid, "a stale claim was accepted"
        if not keeps:
            del self.holders[claim.job.id]

    def new_description(self, job: Job) -> Description:
        """A different one each time."""
        file = NewFile(path=job.path, fingerprint=job.fingerprint, digest=job.digest, kind=job.kind, format=job.format)
        recipe = RecipeFacts(name=job.spec.recipe, version=1, digest=job.spec.recipe_digest)
        return replace(description_of(file, answers={"caption": f"The {len(self.published)}th."}), recipe=recipe)


def asks_the_same(one: Job, other: Job) -> bool:
    return (one.path, one.spec.recipe) == (other.path, other.spec.recipe)


def chosen(job: Job) -> tuple[str | None, str | None]:
    return chosen_by(job.spec)


def chosen_by(spec: JobSpec) -> tuple[str | None, str | None]:
    return spec.detail, spec.model


def answers_of(job: Job) -> tuple[object, ...]:
    """Jobs that agree in these get the same answers."""
    return job.digest, job.spec.recipe, chosen(job)


def released(was_held: bool) -> None:
    if not was_held:
        raise ClaimLostError


class JobsOnSqlite(Jobs):
    make_store = staticmethod(on_sqlite)


PART = settings(max_examples=9, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def check_part(machine: type[Jobs], number: int) -> None:
    """A few examples, which a slow machine has time for; hypothesis derives them from the name."""
    run_state_machine_as_test(type(f"{machine.__name__}{number}", (machine,), {}), settings=PART)


@pytest.mark.parametrize("part", range(11))
def test_invariants_hold_after_any_events_on_sqlite(part: int) -> None:
    check_part(JobsOnSqlite, part)


class JobsOnSqliteAtLength(JobsOnSqlite):
    """As many examples as `make test-slow` has time for."""


TestJobsOnSqliteAtLength = pytest.mark.slow(pytest.mark.timeout(900)(JobsOnSqliteAtLength.TestCase))
TestJobsOnSqliteAtLength.settings = settings(PART, max_examples=1500)


class JobsOnPostgres(Jobs):
    make_store = staticmethod(on_postgres)


@pytest.mark.parametrize("part", range(3))
def test_invariants_hold_after_any_events_on_postgres(part: int) -> None:
    check_part(JobsOnPostgres, part)


class JobsOnPostgresAtLength(JobsOnPostgres):
    """As many examples as `make test-slow` has time for."""


TestJobsOnPostgresAtLength = pytest.mark.slow(pytest.mark.timeout(900)(JobsOnPostgresAtLength.TestCase))
TestJobsOnPostgresAtLength.settings = settings(PART, max_examples=500)
