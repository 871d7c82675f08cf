"""The contract of the command inbox on every database."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from config.errors import NotFoundError, SmolwatchError
from storage.commands.command_inbox import KEEP, CommandInbox
from storage.commands.requests import Answer, Command, CommandKind
from storage.db.tables import commands
from storage.errors import CommandFailedError
from storage.lifecycle import CANCELLED, Cause, JobState
from tests.fakes.clock import FakeClock
from tests.support.files import MODEL, SPEC, description_of, new_file
from tests.support.stores import Made

RUN, NEXT_RUN = "run 1", "run 2"
PAUSE, RESUME, CANCEL, RETRY, RESCAN = (
    CommandKind.PAUSE,
    CommandKind.RESUME,
    CommandKind.CANCEL,
    CommandKind.RETRY,
    CommandKind.RESCAN,
)


@pytest.fixture
def inbox(made: Made, clock: FakeClock) -> CommandInbox:
    return CommandInbox(made.database, clock.now)


def admit(made: Made, name: bytes = b"/inbox/beach.jpg") -> int:
    file = new_file(name, content=name)
    return made.store.admit(file, spec=SPEC, model=MODEL, max_attempts=3)[1]


def state(made: Made, job_id: int) -> JobState:
    return made.library.job(job_id).state


def result(inbox: CommandInbox, command: Command) -> dict[str, object]:
    answer = inbox.read_answer(command)
    assert answer is not None
    return dict(answer.result_or_raise())


class TestSending:
    def test_each_command_is_taken_once_by_its_run_alone_oldest_first(self, inbox: CommandInbox) -> None:
        sent = [inbox.send(RUN, kind, {"number": number}) for number, kind in enumerate((RESCAN, PAUSE, RESCAN))]
        other = inbox.send(NEXT_RUN, RESUME)
        assert inbox.take(RUN) == sent
        assert inbox.take(RUN) == []
        assert inbox.take(NEXT_RUN) == [other]

    def test_whether_it_was_taken_is_known(self, inbox: CommandInbox) -> None:
        command = inbox.send(RUN, RESCAN)
        assert not inbox.is_taken(command)
        inbox.take(RUN)
        assert inbox.is_taken(command)

    def test_two_that_take_at_once_share_the_commands(self, inbox: CommandInbox) -> None:
        sent = {inbox.send(RUN, PAUSE).id for _ in range(20)}
        taken: list[int] = []
        barrier = threading.Barrier(4)

        def take() -> None:
            barrier.wait()
            taken.extend(command.id for command in inbox.take(RUN))

        threads = [threading.Thread(target=take) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(taken) == sorted(sent)


class TestAnswers:
    def test_an_answer_is_read_by_its_sender_alone(self, inbox: CommandInbox) -> None:
        first, second = inbox.send(RUN, RESCAN), inbox.send(RUN, RESCAN)
        assert inbox.read_answer(first) is None
        assert inbox.answer(first.id, Answer(result={"seen": 3}))
        assert result(inbox, first) == {"seen": 3}
        assert inbox.read_answer(second) is None
        with pytest.raises(CommandFailedError):
            inbox.read_answer(replace(first, sender=second.sender))

    def test_the_first_answer_stays(self, inbox: CommandInbox) -> None:
        command = inbox.send(RUN, RESCAN)
        assert inbox.answer(command.id, Answer(result={"seen": 3}))
        assert not inbox.answer(command.id, Answer(error="Too late."))
        assert result(inbox, command) == {"seen": 3}

    def test_an_error_is_raised_with_its_advice_and_exit_code(self, inbox: CommandInbox) -> None:
        command = inbox.send(RUN, RETRY, {"jobs": [99]})
        inbox.carry_out(command)
        answer = inbox.read_answer(command)
        assert answer is not None
        with pytest.raises(CommandFailedError, match="There is no job 99") as caught:
            answer.result_or_raise()
        assert caught.value.exit_code == NotFoundError.exit_code
        assert "smolwatch ls" in caught.value.advice

    def test_an_answered_command_is_not_taken(self, inbox: CommandInbox) -> None:
        inbox.answer(inbox.send(RUN, RESCAN).id, Answer(error="It was not taken."))
        assert inbox.take(RUN) == []

    def test_what_an_ended_run_left_open_is_answered_by_the_next(self, inbox: CommandInbox) -> None:
        taken = inbox.send(RUN, RESCAN)
        inbox.take(RUN)
        waiting, answered, own = inbox.send(RUN, PAUSE), inbox.send(RUN, RESUME), inbox.send(NEXT_RUN, PAUSE)
        inbox.carry_out(answered)
        assert inbox.abandon_others(NEXT_RUN) == 2
        answers = [inbox.read_answer(command) for command in (taken, waiting, answered, own)]
        assert [answer and answer.is_abandoned for answer in answers] == [True, True, False, None]
        assert answers[0] is not None
        assert (answers[0].exit_code, answers[0].result) == (4, None)
        assert inbox.take(NEXT_RUN) == [own]

    def test_a_run_that_ends_answers_its_own(self, inbox: CommandInbox) -> None:
        own, other = inbox.send(RUN, RESCAN), inbox.send(NEXT_RUN, RESCAN)
        assert inbox.abandon(RUN) == 1
        assert inbox.read_answer(own) is not None
        assert inbox.read_answer(other) is None

    def test_old_answers_are_forgotten_but_no_open_command(
        self, inbox: CommandInbox, made: Made, clock: FakeClock
    ) -> None:
        old, waiting = inbox.send(RUN, PAUSE), inbox.send(RUN, RESCAN)
        inbox.carry_out(old)
        clock.advance(KEEP.total_seconds() + 1)
        inbox.send(RUN, PAUSE)
        with made.database.read() as connection:
            assert connection.execute(select(func.count()).select_from(commands)).scalar() == 2
        assert inbox.read_answer(waiting) is None
        with pytest.raises(CommandFailedError):
            inbox.read_answer(old)


class TestChanges:
    """By the daemon, by the sender in its place, and without a daemon: the same change, and once."""

    def test_a_command_is_carried_out_once_whoever_tries(self, inbox: CommandInbox, made: Made) -> None:
        job = admit(made)
        claim = made.store.claim("w", lease_seconds=60)
        assert claim is not None
        made.store.publish(claim, description_of(new_file(content=b"/inbox/beach.jpg")))
        made.store.finish(claim)
        command = inbox.send(RUN, RETRY, {"jobs": [job]})
        inbox.carry_out(command)
        (again,) = made.library.jobs(state=JobState.QUEUED)
        assert result(inbox, command) == {"jobs": [again.id]}
        made.store.cancel([again.id])
        inbox.carry_out(command)
        assert state(made, again.id) is JobState.SKIPPED
        assert result(inbox, command) == {"jobs": [again.id]}

    def test_a_command_that_was_answered_by_its_runs_end_changes_nothing(self, inbox: CommandInbox, made: Made) -> None:
        command = inbox.send(RUN, PAUSE)
        inbox.take(RUN)
        inbox.abandon_others(NEXT_RUN)
        inbox.carry_out(command)
        assert made.library.status.paused_since() is None

    def test_all_jobs_of_a_retry_are_queued_or_none(self, inbox: CommandInbox, made: Made) -> None:
        job = admit(made)
        made.store.cancel([job])
        with pytest.raises(NotFoundError):
            inbox.change_jobs(RETRY, {"jobs": [job, 99]})
        command = inbox.send(RUN, RETRY, {"jobs": [job, 99]})
        inbox.carry_out(command)
        assert state(made, job) is JobState.SKIPPED

    def test_all_that_failed_are_queued_again(self, inbox: CommandInbox, made: Made) -> None:
        jobs = [admit(made, name) for name in (b"/inbox/a.jpg", b"/inbox/b.jpg")]
        for _ in jobs:
            claim = made.store.claim("w", lease_seconds=60)
            assert claim is not None
            made.store.fail(claim, code="x", reason="x", cause=Cause.INPUT)
        assert inbox.change_jobs(RETRY, {"failed": True}) == {"count": 2}
        assert [state(made, job) for job in jobs] == [JobState.QUEUED] * 2

    @pytest.mark.parametrize("arguments", [{}, {"jobs": "7"}, {"jobs": ["7"]}])
    def test_arguments_of_another_version_are_an_error(self, inbox: CommandInbox, arguments: dict[str, object]) -> None:
        with pytest.raises(SmolwatchError, match="names no jobs"):
            inbox.change_jobs(CANCEL, arguments)

    def test_a_command_that_this_daemon_does_not_have_is_answered_with_what_to_do(self, inbox: CommandInbox) -> None:
        command = inbox.send(RUN, "dance")
        inbox.carry_out(command)
        answer = inbox.read_answer(command)
        assert answer is not None
        assert 'no command "dance"' in answer.error
        assert "Restart the daemon" in answer.advice


class TestPause:
    def test_nothing_is_claimed_while_work_is_paused(self, inbox: CommandInbox, made: Made, clock: FakeClock) -> None:
        job = admit(made)
        paused = inbox.change_jobs(PAUSE)
        assert paused == {"since": "2026-11-24T09:00:00Z", "was_paused": False}
        assert made.store.claim("w", lease_seconds=60) is None
        assert (made.store.pending.has_file(), made.store.pending.has_any(), made.store.pending.is_paused()) == (
            False,
            False,
            True,
        )
        assert made.library.status.paused_since() == clock.now()
        assert inbox.change_jobs(RESUME) == {"was_paused": True}
        assert made.library.status.paused_since() is None
        claim = made.store.claim("w", lease_seconds=60)
        assert claim is not None
        assert claim.job.id == job

    def test_a_file_in_hand_is_finished_during_a_pause(self, inbox: CommandInbox, made: Made) -> None:
        job = admit(made)
        claim = made.store.claim("w", lease_seconds=60)
        assert claim is not None
        inbox.change_jobs(PAUSE)
        assert made.store.pending.has_any(), "so that its worker stays"
        assert made.store.beat(claim, lease_seconds=60)
        made.store.publish(claim, description_of(new_file(content=b"/inbox/beach.jpg")))
        assert made.store.pending.has_any()
        made.store.finish(claim)
        assert state(made, job) is JobState.DONE

    def test_a_second_pause_keeps_the_first_ones_time(self, inbox: CommandInbox, clock: FakeClock) -> None:
        first = inbox.change_jobs(PAUSE)
        clock.advance(60)
        assert inbox.change_jobs(PAUSE) == {"since": first["since"], "was_paused": True}

    def test_resuming_what_is_not_paused_changes_nothing(self, inbox: CommandInbox) -> None:
        assert inbox.change_jobs(RESUME) == {"was_paused": False}


class TestCancel:
    def test_a_queued_job_is_skipped_and_a_retry_brings_it_back(
        self, inbox: CommandInbox, made: Made, clock: FakeClock
    ) -> None:
        job = admit(made)
        assert inbox.change_jobs(CANCEL, {"jobs": [job]}) == {"cancelled": [job]}
        cancelled = made.library.job(job)
        assert (cancelled.state, cancelled.reason_code) == (JobState.SKIPPED, CANCELLED)
        assert (cancelled.reason, cancelled.finished_at) == ("Cancelled on request.", clock.now())
        assert made.store.claim("w", lease_seconds=60) is None
        inbox.change_jobs(RETRY, {"jobs": [job]})
        assert (state(made, job), made.library.job(job).reason_code) == (JobState.QUEUED, None)

    def test_a_running_job_is_skipped_and_its_worker_changes_nothing_any_more(
        self, inbox: CommandInbox, made: Made
    ) -> None:
        job = admit(made)
        claim = made.store.claim("w", lease_seconds=60)
        assert claim is not None
        assert inbox.change_jobs(CANCEL, {"jobs": [job]}) == {"cancelled": [job]}
        assert not made.store.beat(claim, lease_seconds=60)
        assert not made.store.release(claim, "Stopping.")
        assert made.store.publish_all([(claim, description_of(new_file(content=b"/inbox/beach.jpg")))]) == set()
        assert made.store.abandon_all("The daemon was restarted.") == 0
        assert state(made, job) is JobState.SKIPPED
        assert [(event.before, event.after) for event in made.library.events(job)][-1] == (
            JobState.RUNNING,
            JobState.SKIPPED,
        )

    def test_what_is_described_or_has_ended_stays(self, inbox: CommandInbox, made: Made) -> None:
        publishing, failed = admit(made, b"/inbox/a.jpg"), admit(made, b"/inbox/b.jpg")
        first, second = (made.store.claim("w", lease_seconds=60) for _ in range(2))
        assert first is not None
        assert second is not None
        made.store.publish(first, description_of(new_file(b"/inbox/a.jpg", content=b"/inbox/a.jpg")))
        made.store.fail(second, code="x", reason="x", cause=Cause.INPUT)
        assert inbox.change_jobs(CANCEL, {"jobs": [publishing, failed, 99]}) == {"cancelled": []}
        assert (state(made, publishing), state(made, failed)) == (JobState.PUBLISHING, JobState.FAILED)

    def test_the_same_bytes_are_not_queued_again_but_new_ones_are(self, made: Made, inbox: CommandInbox) -> None:
        job = admit(made)
        inbox.change_jobs(CANCEL, {"jobs": [job]})
        assert admit(made) == job
        assert state(made, job) is JobState.SKIPPED
        changed = new_file(b"/inbox/beach.jpg", content=b"other")
        other = made.store.admit(changed, spec=SPEC, model=MODEL, max_attempts=3)[1]
        assert state(made, other) is JobState.QUEUED

    def test_a_job_that_waits_for_its_next_try_can_be_cancelled(
        self, inbox: CommandInbox, made: Made, clock: FakeClock
    ) -> None:
        job = admit(made)
        claim = made.store.claim("w", lease_seconds=60)
        assert claim is not None
        later = clock.now() + timedelta(minutes=5)
        made.store.retry_later(claim, code="x", reason="x", cause=Cause.TRANSIENT, not_before=later, detail="d")
        inbox.change_jobs(CANCEL, {"jobs": [job]})
        cancelled = made.library.job(job)
        assert (cancelled.state, cancelled.not_before, cancelled.cause, cancelled.detail) == (
            JobState.SKIPPED,
            None,
            None,
            None,
        )
        assert made.problems() == []
