"""The worker's rounds, with a real job table, a fake engine and a decoder without a process."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from config.settings import Settings
from daemon.errors import (
    DecoderBrokenError,
    DecoderHungError,
    MediaError,
    NoAccessError,
    NotAllowedError,
    NotDownloadedError,
    PromptError,
    UnreadableError,
)
from daemon.inference.echo_engine import EchoEngine
from daemon.inference.engine import Engine
from daemon.media.clip import CUT_SHORT, DAMAGED
from daemon.messages import Stage
from daemon.power.power_state import PowerSource, PowerState
from daemon.power.throttle import READ_SECONDS
from daemon.worker.loop import MODEL_FAILED, UNEXPECTED
from storage.commands.command_inbox import CommandInbox
from storage.commands.requests import CommandKind
from storage.db.database import Database
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import Cause, JobState
from storage.status.values import EngineStatus
from tests.fakes.clock import FakeClock
from tests.fakes.engines import AbsentEngine, BrokenEngine, FailingEngine, FixedAnswerEngine, SlowEngine
from tests.support.files import description_of
from tests.support.worker_bench import Bench, job_of
from tests.unit.daemon.conftest import PNG, settled


@pytest.fixture
def bench(settings: Settings, database: Database, store: JobStore, library: Library, clock: FakeClock) -> Bench:
    return Bench(settings, database, store, library, clock)


def test_a_queued_file_is_described_and_delivered(bench: Bench) -> None:
    job = bench.queue()
    bench.clock.advance(2.0)
    bench.run_rounds()
    assert bench.state(job) is JobState.DONE
    description = bench.library.description(job)
    assert description is not None
    assert description.answers == {"caption": "A picture of 6x4.", "summary": "A picture of 6x4."}
    assert description.stats.seconds["queued"] == 2.0
    assert description.stats.peak_memory_bytes > 10_000_000
    assert (bench.inbox / "beach.png.smolwatch.json").exists()
    assert not bench.heartbeat.is_holding


def test_a_job_that_was_queued_under_other_filters_is_skipped_and_its_file_not_opened(bench: Bench) -> None:
    job = bench.queue(".Trash-1000/beach.png")
    bench.run_rounds()
    assert bench.state(job) is JobState.SKIPPED
    assert "a trash folder" in (bench.library.job(job).reason or "")
    assert bench.opener.opened == []


def test_two_files_of_the_same_bytes_are_described_once(bench: Bench) -> None:
    engine = FixedAnswerEngine("A beach.")
    bench.use_engine(engine)
    jobs = [bench.queue(name, PNG + b"same") for name in ("a.png", "b.png", "c.png")]
    other = bench.queue("other.png")
    bench.run_rounds(4)
    assert [bench.state(job) for job in (*jobs, other)] == [JobState.DONE] * 4
    assert [job_of(request) for request in engine.submitted] == [jobs[0], other]
    found = [bench.library.description(job) for job in jobs]
    assert [description.name for description in found if description] == ["a.png", "b.png", "c.png"]
    assert len({description.described_at for description in found if description}) == 1


def test_a_file_of_the_same_bytes_is_tried_itself_when_the_first_fails(bench: Bench) -> None:
    first, twin = (bench.queue(name, PNG + b"same") for name in ("a.png", "b.png"))
    bench.opener.failures[bench.library.job(first).path] = UnreadableError()
    bench.clock.set_wall(bench.clock.now() + timedelta(days=1))  # no longer young: nothing more is to come
    bench.run_rounds(3)
    assert [bench.state(job) for job in (first, twin)] == [JobState.FAILED, JobState.DONE]


def test_a_suspect_answer_is_delivered_with_the_reason_beside_the_file(bench: Bench) -> None:
    job = bench.queue()
    bench.use_engine(FixedAnswerEngine("<image>A red car and " + "a red car and " * 12, complete=False))
    bench.run_rounds(2)
    assert bench.state(job) is JobState.DONE
    description = bench.library.description(job)
    assert description is not None
    assert description.quality.verdict == "suspect"
    assert description.quality.reasons[0] == "caption: loop"
    assert description.answers["caption"].startswith("A red car and a red car")
    assert "suspect: the caption repeats itself; " in (bench.inbox / "beach.png.md").read_text()


def test_a_bad_answer_is_asked_again_and_only_the_good_one_is_delivered(bench: Bench) -> None:
    job = bench.queue()
    engine = FixedAnswerEngine("a red car and " * 12, again="A red car.", complete=False)
    bench.use_engine(engine)
    bench.run_rounds()
    assert bench.state(job) is JobState.RUNNING, "asked again"
    bench.run_rounds()
    assert bench.state(job) is JobState.DONE
    assert [len(request.questions) for request in engine.submitted] == [2, 2]
    description = bench.library.description(job)
    assert description is not None
    assert description.quality.verdict == "ok"
    assert description.answers == {"caption": "A red car.", "summary": "A red car."}
    assert description.stats.tokens_out == 2 * (48 + 3), "both times are paid for"
    assert "suspect" not in (bench.inbox / "beach.png.md").read_text()
    assert bench.attempts(job) == 1


def test_an_idle_round_has_nothing_to_do(bench: Bench) -> None:
    assert not bench.worker.run_round()


def test_while_the_engine_is_full_a_few_files_are_opened_ahead_of_it(bench: Bench) -> None:
    jobs = [bench.queue(f"{number}.png") for number in range(20)]
    bench.use_engine(SlowEngine(steps=9))  # with room for 8
    bench.run_rounds(3)
    assert [bench.state(job) for job in jobs] == [JobState.RUNNING] * 16 + [JobState.QUEUED] * 4
    assert len(bench.opener.opened) == 16


def test_the_engine_goes_on_while_a_file_is_being_opened(bench: Bench) -> None:
    first, second = bench.queue("a.png"), bench.queue("b.png")
    bench.use_engine(SlowEngine(steps=2))
    bench.prefetcher.holding = True
    bench.run_rounds()
    bench.prefetcher.make_next()
    bench.run_rounds(2)
    assert (bench.state(first), bench.state(second)) == (JobState.DONE, JobState.RUNNING)
    bench.prefetcher.make_next()
    bench.run_rounds(2)
    assert bench.state(second) is JobState.DONE


def test_large_pictures_wait_until_those_before_them_are_described(bench: Bench) -> None:
    jobs = [bench.queue(f"{number}.png") for number in range(4)]
    bench.opener.picture = np.zeros((10_000, 10_000, 3), np.uint8)  # 300 MB that nobody touches
    bench.use_engine(SlowEngine(steps=3))
    bench.run_rounds(2)
    assert len(bench.opener.opened) == 2
    bench.run_rounds(10)
    assert [bench.state(job) for job in jobs] == [JobState.DONE] * 4


def test_large_pictures_make_room_when_the_engine_fails_on_them(bench: Bench) -> None:
    bench.opener.picture = np.zeros((10_000, 10_000, 3), np.uint8)
    poison, good = [bench.queue(f"{number}.png") for number in range(2)], bench.queue("good.png")
    bench.use_engine(FailingEngine(lambda request: job_of(request) != good))
    bench.run_rounds()
    for job in poison:
        bench.opener.failures[bench.library.job(job).path] = UnreadableError("It was damaged.")
    bench.run_rounds(9, seconds=5)
    assert bench.state(good) is JobState.DONE


def test_the_same_bytes_are_published_for_another_path_without_being_opened(bench: Bench) -> None:
    first = bench.queue("a.png", PNG)
    bench.run_rounds()
    assert bench.state(first) is JobState.DONE
    copy = bench.queue("b.png", PNG)
    bench.run_rounds()
    assert bench.state(copy) is JobState.DONE
    assert len(bench.opener.opened) == 1
    description = bench.library.description(copy)
    assert description is not None
    assert description.path == bench.library.job(copy).path
    assert (bench.inbox / "b.png.smolwatch.json").exists()


def test_a_copy_that_waits_while_its_original_is_described_reuses_the_description(bench: Bench) -> None:
    jobs = [bench.queue("a.png", PNG), bench.queue("b.png", PNG)]
    steps: list[None] = []
    bench.use_engine(SlowEngine(1, lambda: steps.append(None), rows=1))
    bench.run_rounds(2)
    assert [bench.state(job) for job in jobs] == [JobState.DONE] * 2
    assert len(steps) == 1


def test_a_fresh_job_runs_the_model_although_a_description_is_cached(bench: Bench) -> None:
    job = bench.queue()
    bench.run_rounds()
    again = bench.store.requeue(job)
    bench.run_rounds()
    assert bench.state(again.id) is JobState.DONE
    assert len(bench.opener.opened) == 2


def test_without_a_model_no_job_is_claimed_and_no_attempt_is_spent(bench: Bench) -> None:
    job = bench.queue()
    engine = AbsentEngine()
    bench.use_engine(engine)
    bench.run_rounds(5, seconds=10)
    assert (bench.state(job), bench.attempts(job)) == (JobState.QUEUED, 0)
    assert bench.library.status.engine().state == "unavailable"
    engine.here = True
    bench.run_rounds()
    assert bench.state(job) is JobState.DONE


@pytest.mark.parametrize(
    ("failure", "state", "cause", "reason"),
    [
        (UnreadableError("The file is cut off."), JobState.FAILED, Cause.INPUT, "The file is cut off."),
        (NotAllowedError("A playlist."), JobState.SKIPPED, Cause.INPUT, "A playlist."),
        (DecoderHungError("It took over 60 s."), JobState.QUEUED, Cause.TRANSIENT, "It took over 60 s."),
        (RuntimeError("unforeseen"), JobState.QUEUED, Cause.TRANSIENT, UNEXPECTED),
    ],
)
def test_a_failure_affects_its_own_file_alone(
    bench: Bench, failure: Exception, state: JobState, cause: Cause, reason: str
) -> None:
    bad, good = bench.queue("bad.png"), bench.queue("good.png")
    bench.opener.failures[bench.library.job(bad).path] = failure
    bench.run_rounds()
    job = bench.library.job(bad)
    assert (job.state, job.cause) == (state, cause)
    assert job.reason == reason
    assert job.detail == ("RuntimeError: unforeseen" if reason is UNEXPECTED else None)
    assert bench.state(good) is JobState.DONE
    assert bench.reported_paths == ([job.path] if state.is_final() else []), "another file may wait for this one"


def test_a_transient_failure_ends_after_the_last_attempt(bench: Bench) -> None:
    job = bench.queue()
    bench.opener.failures[bench.library.job(job).path] = DecoderHungError()
    bench.run_rounds(3, seconds=200)
    assert (bench.state(job), bench.attempts(job)) == (JobState.FAILED, 3)


@pytest.mark.parametrize("make", [FailingEngine, BrokenEngine])
def test_an_engine_that_fails_charges_no_job_and_is_loaded_again(bench: Bench, make: Callable[[], Engine]) -> None:
    jobs = [bench.queue(f"{number}.png") for number in range(3)]
    bench.use_engine(make())
    bench.run_rounds()
    assert [(bench.state(job), bench.attempts(job)) for job in jobs] == [(JobState.QUEUED, 0)] * 3
    bench.run_rounds()
    assert [bench.state(job) for job in jobs] == [JobState.QUEUED] * 3
    assert bench.library.status.engine().state == "restarting"


def test_after_a_failure_a_working_engine_describes_everything(bench: Bench) -> None:
    jobs = [bench.queue(f"{number}.png") for number in range(3)]
    engine = FailingEngine()
    bench.use_engine(engine)
    bench.run_rounds()
    engine.failing = False
    bench.run_rounds(6, seconds=5)
    assert [bench.state(job) for job in jobs] == [JobState.DONE] * 3


def test_a_poison_file_does_not_block_the_others(bench: Bench) -> None:
    poison, good = bench.queue("poison.png"), bench.queue("good.png")
    bench.use_engine(FailingEngine(lambda request: job_of(request) == poison))
    bench.run_rounds(40, seconds=70)
    assert bench.state(good) is JobState.DONE
    assert bench.state(poison) is JobState.FAILED
    assert bench.library.job(poison).reason == MODEL_FAILED
    assert "out of memory" in str(bench.library.job(poison).detail)


def test_a_prompt_that_the_model_cannot_take_is_that_file_s_own_failure(bench: Bench) -> None:
    """The engine goes on: it is not loaded again, and the other file is answered at once."""
    long, good = bench.queue("long.png"), bench.queue("good.png")
    error = PromptError("The prompt has 9000 tokens; the model takes 8192.", advice="Shorten the question.")
    bench.use_engine(FailingEngine(lambda request: job_of(request) == long, error=error))
    bench.run_rounds(3)
    assert (bench.state(long), bench.state(good)) == (JobState.FAILED, JobState.DONE)
    job = bench.library.job(long)
    assert (job.reason_code, job.reason) == ("prompt", f"{error} Shorten the question.")
    assert bench.library.status.engine().state == "ready"


def test_a_job_that_was_tried_before_runs_alone(bench: Bench) -> None:
    old, new = bench.queue("old.png"), bench.queue("new.png")
    bench.use_engine(SlowEngine(steps=1))
    claims = [bench.store.claim("dead", lease_seconds=60) for _ in range(2)]
    assert None not in claims
    bench.store.abandon_all("The worker was killed.")
    running: list[list[JobState]] = []
    bench.use_engine(SlowEngine(1, lambda: running.append([bench.state(old), bench.state(new)])))
    bench.run_rounds(2)
    assert running == [[JobState.RUNNING, JobState.QUEUED], [JobState.DONE, JobState.RUNNING]]
    assert [bench.attempts(job) for job in (old, new)] == [2, 2]


def test_a_tried_job_waits_for_the_batch_to_end_and_is_not_charged_for_waiting(bench: Bench) -> None:
    tried = bench.queue("tried.png")
    path = bench.library.job(tried).path
    bench.opener.failures[path] = DecoderHungError()
    bench.use_engine(SlowEngine(steps=4))
    bench.run_rounds()
    del bench.opener.failures[path]
    batch = bench.queue("batch.png")
    bench.run_rounds(seconds=10)
    bench.run_rounds(2)
    assert (bench.state(batch), bench.state(tried), bench.attempts(tried)) == (JobState.RUNNING, JobState.QUEUED, 1)
    assert len(bench.library.events(tried)) == 5  # queued, claimed, back; and once claimed and released
    bench.run_rounds(5)
    assert bench.state(batch) is bench.state(tried) is JobState.DONE
    assert bench.attempts(tried) == 2


def test_a_young_file_that_cannot_be_read_is_tried_again_until_it_is_old(bench: Bench) -> None:
    job = bench.queue()
    path = bench.library.job(job).path
    bench.clock.set_wall(datetime.fromtimestamp(os.lstat(path).st_ctime, UTC) + timedelta(seconds=1))
    bench.opener.failures[path] = UnreadableError("The file is cut off.")
    for _ in range(5):
        bench.run_rounds()
        assert (bench.state(job), bench.attempts(job)) == (JobState.QUEUED, 0)
        assert bench.library.job(job).reason == "The file is cut off."
        bench.clock.advance(120)
    bench.run_rounds()
    assert (bench.state(job), bench.attempts(job)) == (JobState.FAILED, 1)
    assert len(bench.opener.opened) == 6


def test_a_young_file_whose_end_is_missing_waits_for_it_and_is_described_as_it_is_when_it_is_old(bench: Bench) -> None:
    job = bench.queue()
    path = bench.library.job(job).path
    bench.clock.set_wall(datetime.fromtimestamp(os.lstat(path).st_ctime, UTC) + timedelta(seconds=1))
    bench.opener.defects[path] = (CUT_SHORT,)
    for _ in range(5):
        bench.run_rounds()
        assert (bench.state(job), bench.attempts(job)) == (JobState.QUEUED, 0)
        assert bench.library.job(job).reason == "The file is incomplete; the rest may still arrive."
        bench.clock.advance(120)
    bench.run_rounds()
    description = bench.library.description(job)
    assert (bench.state(job), bench.attempts(job)) == (JobState.DONE, 1)
    assert description is not None and description.quality.reasons == ("image: cut-short",)


def test_a_young_file_with_broken_parts_is_not_waited_for(bench: Bench) -> None:
    job = bench.queue()
    path = bench.library.job(job).path
    bench.clock.set_wall(datetime.fromtimestamp(os.lstat(path).st_ctime, UTC) + timedelta(seconds=1))
    bench.opener.defects[path] = (DAMAGED,)
    bench.run_rounds()
    assert bench.state(job) is JobState.DONE


def test_a_file_whose_end_arrived_is_another_file(bench: Bench) -> None:
    job = bench.queue()
    path = bench.library.job(job).path
    bench.clock.set_wall(datetime.fromtimestamp(os.lstat(path).st_ctime, UTC) + timedelta(seconds=1))
    bench.opener.defects[path] = (CUT_SHORT,)
    bench.run_rounds(seconds=120)
    with Path(os.fsdecode(path)).open("ab") as file:
        file.write(b"the end")
    bench.run_rounds()
    assert (bench.state(job), bench.reported_paths) == (JobState.GONE, [path])
    assert bench.library.description(job) is None


def test_a_file_that_changed_without_a_new_time_is_another_file(bench: Bench) -> None:
    job = bench.queue()
    path = bench.library.job(job).path
    bench.clock.set_wall(datetime.fromtimestamp(os.lstat(path).st_ctime, UTC) + timedelta(seconds=1))
    bench.opener.failures[path] = UnreadableError("The file is cut off.")
    bench.run_rounds(seconds=120)
    stat = os.lstat(path)
    write_through_memory(path, b"done")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    bench.run_rounds()
    assert (bench.state(job), bench.reported_paths) == (JobState.GONE, [path])
    assert len(bench.opener.opened) == 1


@pytest.mark.parametrize(
    "failure", [NoAccessError("Reading the file is not permitted."), NotDownloadedError(), DecoderBrokenError()]
)
def test_a_file_that_the_machine_blocks_waits_without_end_and_uncharged(bench: Bench, failure: MediaError) -> None:
    job = bench.queue()
    path = bench.library.job(job).path
    bench.opener.failures[path] = failure
    bench.run_rounds(5, seconds=4000)
    assert (bench.state(job), bench.attempts(job), bench.library.job(job).reason_code) == (
        JobState.QUEUED,
        0,
        failure.code,
    )
    del bench.opener.failures[path]
    bench.run_rounds()
    assert bench.state(job) is JobState.DONE


def test_a_deleted_file_is_gone(bench: Bench) -> None:
    job = bench.queue()
    path = bench.library.job(job).path
    bench.use_engine(SlowEngine(1, lambda: os.unlink(path)))
    bench.run_rounds()
    assert bench.state(job) is JobState.GONE


def test_with_the_whole_inbox_unmounted_no_file_is_gone(bench: Bench) -> None:
    job = bench.queue()
    away = bench.inbox.with_name("unmounted")
    bench.use_engine(SlowEngine(1, lambda: bench.inbox.rename(away)))
    bench.run_rounds()
    assert (bench.state(job), bench.attempts(job)) == (JobState.QUEUED, 0)
    bench.run_rounds(3)
    assert bench.state(job) is JobState.QUEUED
    away.rename(bench.inbox)
    bench.use_engine(EchoEngine())
    bench.run_rounds()
    assert bench.state(job) is JobState.DONE


def test_a_job_whose_claim_was_lost_is_not_delivered(bench: Bench) -> None:
    job = bench.queue()
    bench.use_engine(SlowEngine(1, lambda: bench.store.abandon_all("The worker was killed.")))
    bench.run_rounds()
    assert bench.state(job) is JobState.QUEUED
    assert not bench.heartbeat.is_holding


class UncancellableEngine(SlowEngine):
    """`cancel` itself raises, which breaks the contract."""

    def cancel(self, request_id: str) -> None:
        raise RuntimeError("the driver is gone")


def lose_claims(bench: Bench) -> None:
    """Another process takes all jobs back, and a beat finds that out."""
    bench.store.abandon_all("The worker was killed.")
    bench.heartbeat.beat()


def test_a_job_whose_claim_is_found_lost_is_cancelled_in_the_engine_and_may_be_claimed_again(bench: Bench) -> None:
    job, engine = bench.queue(), SlowEngine(steps=4)
    bench.use_engine(engine)
    bench.run_rounds()
    lose_claims(bench)
    bench.run_rounds()
    assert engine.cancelled == [f"{job}.1:first"]
    bench.run_rounds(4)
    assert (bench.state(job), engine.cancelled) == (JobState.DONE, [f"{job}.1:first"])
    assert len([event for event in bench.library.events(job) if event.after is JobState.DONE]) == 1


def test_a_stopping_worker_does_not_wait_for_a_job_whose_claim_is_lost(bench: Bench) -> None:
    job, engine = bench.queue(), SlowEngine(steps=100)
    bench.use_engine(engine)
    bench.run_rounds()
    lose_claims(bench)
    bench.control.stop()
    bench.worker.run(bench.control)
    assert (bench.state(job), engine.cancelled) == (JobState.QUEUED, [f"{job}.1:first"])


def test_a_claim_that_is_lost_while_its_file_is_opened_never_reaches_the_engine(bench: Bench) -> None:
    job, engine = bench.queue(), FixedAnswerEngine("A beach.")
    bench.use_engine(engine)
    bench.prefetcher.holding = True
    bench.run_rounds()
    lose_claims(bench)
    bench.prefetcher.holding = False
    bench.run_rounds(3)
    assert bench.state(job) is JobState.DONE
    (asked,) = engine.submitted
    assert job_of(asked) == job
    assert asked.id != f"{job}.1:first", "it is the newer claim's"


def test_an_engine_that_fails_while_it_cancels_is_loaded_again(bench: Bench) -> None:
    job = bench.queue()
    bench.use_engine(UncancellableEngine(steps=4))
    bench.run_rounds()
    lose_claims(bench)
    bench.run_rounds()
    assert bench.library.status.engine().state == "restarting"
    bench.run_rounds(9, seconds=5)
    assert bench.state(job) is JobState.DONE


def test_files_that_wait_when_the_engine_fails_are_released_uncharged(bench: Bench) -> None:
    jobs = [bench.queue(f"{number}.png") for number in range(12)]
    bench.use_engine(FailingEngine(rows=2))
    bench.run_rounds()
    assert [(bench.state(job), bench.attempts(job)) for job in jobs] == [(JobState.QUEUED, 0)] * 12
    assert len(bench.prefetcher) == 0
    assert not bench.heartbeat.is_holding


def test_a_stopping_worker_finishes_the_jobs_in_flight_and_releases_the_others_uncharged(bench: Bench) -> None:
    jobs = [bench.queue(f"{number}.png") for number in range(12)]
    bench.use_engine(SlowEngine(3, bench.control.stop))  # with room for 8
    bench.run_rounds(2)
    bench.worker.run(bench.control)
    assert [bench.state(job) for job in jobs] == [JobState.DONE] * 8 + [JobState.QUEUED] * 4
    assert [bench.attempts(job) for job in jobs[8:]] == [0] * 4
    assert "Put back in the queue: the worker stops." in [event.note for event in bench.library.events(jobs[8])]
    assert not bench.heartbeat.is_holding


def test_a_worker_that_is_stopped_while_files_are_opened_releases_them(bench: Bench) -> None:
    jobs = [bench.queue("a.png"), bench.queue("b.png")]
    bench.prefetcher.holding = True
    bench.run_rounds()
    assert [bench.state(job) for job in jobs] == [JobState.RUNNING] * 2
    bench.control.stop()
    bench.worker.run(bench.control)
    assert [(bench.state(job), bench.attempts(job)) for job in jobs] == [(JobState.QUEUED, 0)] * 2


def test_the_engine_goes_on_while_the_drive_writes_and_a_stop_waits_for_it(bench: Bench) -> None:
    first, second = bench.queue("a.png"), bench.queue("b.png")
    bench.use_engine(SlowEngine(steps=1, rows=1))
    bench.deliveries.holding = True
    bench.run_rounds(2)
    assert len(bench.deliveries) == 2
    assert [bench.state(job) for job in (first, second)] == [JobState.RUNNING] * 2
    assert bench.heartbeat.is_holding
    bench.control.stop()
    bench.worker.run(bench.control)
    assert [bench.state(job) for job in (first, second)] == [JobState.DONE] * 2
    assert not bench.heartbeat.is_holding


def test_while_only_the_drive_is_busy_the_worker_reports_no_progress(bench: Bench) -> None:
    bench.queue()
    bench.deliveries.holding = True
    bench.run_rounds()
    stages = list(bench.stages)
    bench.run_rounds(3, seconds=2)
    assert bench.stages == stages, "a drive that hangs is a hang"
    bench.deliveries.deliver_next()
    bench.run_rounds(2)
    assert bench.stages[-1] is Stage.IDLE


def test_a_job_that_was_tried_before_waits_until_all_is_delivered(bench: Bench) -> None:
    tried = bench.queue("tried.png")
    assert bench.store.claim("dead", lease_seconds=60) is not None
    new = bench.queue("new.png")
    assert bench.store.claim("worker", lease_seconds=60) is not None  # so that it is delivered late
    bench.deliveries.holding = True
    bench.store.abandon_all("The worker was killed.")
    bench.run_rounds()
    assert len(bench.deliveries) == 1
    bench.run_rounds(3)
    assert sorted([bench.state(tried), bench.state(new)]) == [JobState.QUEUED, JobState.RUNNING]
    bench.deliveries.holding = False
    bench.run_rounds(3)
    assert [bench.state(job) for job in (tried, new)] == [JobState.DONE] * 2


def test_files_are_claimed_several_at_a_time(bench: Bench) -> None:
    for number in range(24):
        bench.queue(f"{number}.png")
    bench.use_engine(SlowEngine(steps=1, rows=1))
    bench.run_rounds(30, seconds=1)
    began = [job.started_at for job in bench.library.jobs()]
    assert None not in began
    assert len(set(began)) <= 6


def write_through_memory(path: bytes, content: bytes) -> None:
    """At the file's end; its size stays."""
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:  # noqa: PTH123 - a path of bytes
        memory[-len(content) :] = content


def test_without_a_file_neither_is_the_model_loaded_nor_the_power_read(bench: Bench) -> None:
    bench.run_rounds(10, seconds=60)
    assert bench.library.status.engine() == EngineStatus()
    assert bench.power_reports == []
    job = bench.queue()
    bench.run_rounds()
    assert bench.state(job) is JobState.DONE
    assert len(bench.power_reports) == 1


def test_sidecars_are_written_without_the_model(bench: Bench) -> None:
    claim = bench.store.claim("another", lease_seconds=60) if bench.queue() else None
    assert claim
    bench.store.publish(claim, description_of(settled(claim.job.path)))
    bench.clock.advance(61)
    bench.run_rounds()
    assert bench.state(claim.job.id) is JobState.DONE
    assert bench.library.status.engine() == EngineStatus()


def test_a_machine_that_saves_power_pauses_the_work_and_the_reason_is_reported(bench: Bench) -> None:
    bench.power = PowerState(source=PowerSource.BATTERY, is_saving=True)
    job = bench.queue()
    bench.run_rounds(3)
    assert bench.state(job) is JobState.QUEUED
    assert bench.attempts(job) == 0
    assert bench.power_reports[-1].pace == "paused"
    bench.power = PowerState(source=PowerSource.MAINS)
    bench.run_rounds(6, seconds=READ_SECONDS)
    assert bench.state(job) is JobState.DONE
    described = bench.library.description(job)
    assert described is not None and described.stats.power == "mains"


def test_answered_is_reported_for_a_described_file_but_not_for_a_copy(bench: Bench) -> None:
    bench.queue("beach.png")
    bench.run_rounds(4)
    assert bench.stages.count(Stage.ANSWERED) == 1
    copy = bench.queue("copy.png", PNG + b"beach.png")
    bench.run_rounds(4, seconds=2)
    assert bench.state(copy) is JobState.DONE
    assert bench.stages.count(Stage.ANSWERED) == 1


def test_a_cancelled_file_is_dropped_by_the_model_and_the_others_are_described(bench: Bench) -> None:
    def cancel_first() -> None:
        bench.store.cancel([jobs[0]])
        bench.heartbeat.beat()

    bench.use_engine(SlowEngine(3, cancel_first))
    jobs = [bench.queue("a.png"), bench.queue("b.png")]
    bench.run_rounds(4)
    assert [bench.state(job) for job in jobs] == [JobState.SKIPPED, JobState.DONE]
    assert bench.library.description(jobs[0]) is None
    assert not bench.heartbeat.is_holding


def test_a_file_that_is_cancelled_and_retried_while_the_model_has_it_is_described_once(bench: Bench) -> None:
    def cancel_and_retry() -> None:
        if not bench.library.events(job)[-1].note.startswith("Retry"):
            bench.store.cancel([job])
            bench.store.requeue(job)

    bench.use_engine(SlowEngine(3, cancel_and_retry))
    job = bench.queue()
    bench.run_rounds(2)
    bench.use_engine(EchoEngine())
    bench.run_rounds(2)
    assert (bench.state(job), bench.attempts(job)) == (JobState.DONE, 1)


def test_a_file_that_was_cancelled_before_it_was_opened_is_not_given_to_the_model(bench: Bench) -> None:
    engine = FixedAnswerEngine("A beach.")
    bench.use_engine(engine)
    bench.prefetcher.holding = True
    job = bench.queue()
    bench.run_rounds()
    bench.store.cancel([job])
    bench.heartbeat.beat()
    bench.run_rounds()
    bench.prefetcher.make_next()
    bench.run_rounds(2)
    assert (bench.state(job), engine.submitted) == (JobState.SKIPPED, [])


def test_a_pause_returns_the_files_that_the_model_has_not_begun_uncharged(bench: Bench) -> None:
    commands = CommandInbox(bench.database, bench.clock.now)
    bench.use_engine(SlowEngine(3, rows=1))
    jobs = [bench.queue(f"{number}.png") for number in range(4)]
    bench.run_rounds(seconds=1)
    assert [bench.state(job) for job in jobs] == [JobState.RUNNING] * 4
    commands.change_jobs(CommandKind.PAUSE)
    bench.run_rounds(5, seconds=1)
    assert [bench.state(job) for job in jobs] == [JobState.DONE, *[JobState.QUEUED] * 3]
    assert [bench.attempts(job) for job in jobs[1:]] == [0] * 3
    commands.change_jobs(CommandKind.RESUME)
    bench.run_rounds(12, seconds=1)
    assert [bench.state(job) for job in jobs] == [JobState.DONE] * 4
