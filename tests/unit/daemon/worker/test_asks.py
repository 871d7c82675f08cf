"""Questions in the worker's rounds: they join the batch, grow, are withdrawn, refused and tried again."""

from __future__ import annotations

import pytest

from config.settings import Settings
from daemon.errors import PromptError, UnreadableError
from daemon.inference.echo_engine import EchoEngine
from daemon.inference.engine import Reply, Request
from daemon.messages import Stage
from daemon.power.power_state import PowerState
from daemon.worker.asks import POLL_SECONDS
from storage.commands.requests import Answer, Command, CommandKind
from storage.db.database import Database
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import JobState
from tests.fakes.clock import FakeClock
from tests.fakes.engines import AbsentEngine, FailingEngine, SlowEngine
from tests.support.worker_bench import RUN, Bench

QUESTION = "What is this?"
WITHDRAWN = Answer(error="The question was withdrawn.")


@pytest.fixture
def bench(settings: Settings, database: Database, store: JobStore, library: Library, clock: FakeClock) -> Bench:
    return Bench(settings, database, store, library, clock)


class TalkingEngine(SlowEngine):
    """Every answer has its first words after the first step."""

    def partial(self, request_id: str) -> dict[str, str]:
        return {"0": "A picture of"} if request_id in self._waiting else {}


class RecordingEngine(EchoEngine):
    """Keeps the order in which requests were submitted."""

    def __init__(self) -> None:
        super().__init__()
        self.submitted: list[Request] = []

    def submit(self, request: Request) -> None:
        super().submit(request)
        self.submitted.append(request)


class TooLongEngine(EchoEngine):
    """No question fits into its prompt."""

    is_loaded = True

    def step(self) -> list[Reply]:
        error = PromptError("The prompt is too long.", advice="Give fewer pictures.")
        return [Reply(id=reply.id, error=error) if reply.id.startswith("ask") else reply for reply in super().step()]

    def close(self) -> None:
        self.is_loaded = False


def run_rounds(bench: Bench, count: int = 1) -> None:
    bench.run_rounds(count, seconds=POLL_SECONDS)


def text(bench: Bench, command: Command) -> str:
    answer = bench.answer(command)
    assert answer is not None
    return " ".join(each["text"] for each in answer.result_or_raise()["answers"])


def error(bench: Bench, command: Command) -> tuple[str, int]:
    answer = bench.answer(command)
    assert answer is not None
    return answer.error, answer.exit_code


def is_asked(request: Request) -> bool:
    return request.id.startswith("ask")


def test_questions_about_one_file_several_and_none_are_answered_without_a_job(bench: Bench) -> None:
    asked = [bench.ask(QUESTION, "a.png"), bench.ask(QUESTION, "a.png", "b.png"), bench.ask("What is 2 + 3?")]
    for name in ("a.png", "b.png"):
        (bench.inbox / name).write_bytes(b"picture")
    run_rounds(bench)
    texts = ["A picture of 6x4.", "A picture of 6x4 and 6x4.", "No picture."]
    assert [text(bench, command) for command in asked] == texts
    assert bench.library.jobs(limit=9) == []
    assert bench.stages[-2:] == [Stage.WORKING, Stage.ANSWERED]
    run_rounds(bench)
    assert bench.stages[-1] is Stage.IDLE


def test_a_question_joins_the_running_batch_and_goes_first_in_it(bench: Bench) -> None:
    engine = RecordingEngine()
    bench.use_engine(engine)
    jobs = [bench.queue(f"{number}.png") for number in range(3)]
    asked = bench.ask("What is 2 + 3?")
    run_rounds(bench)
    assert [request.is_urgent for request in engine.submitted if is_asked(request)] == [True]
    assert text(bench, asked) == "No picture."
    assert [bench.state(job) for job in jobs] == [JobState.DONE] * 3


def test_each_answer_is_sampled_with_a_seed_of_its_own(bench: Bench) -> None:
    engine = RecordingEngine()
    bench.use_engine(engine)
    bench.ask("A word?", temperature=0.7, top_p=0.9, seed=5, repeat=3, tokens=9, system="Be brief.")
    run_rounds(bench)
    (request,) = engine.submitted
    assert [(each.seed, each.temperature, each.top_p) for each in request.sampling.values()] == [
        (5, 0.7, 0.9),
        (6, 0.7, 0.9),
        (7, 0.7, 0.9),
    ]
    assert [question.tokens for question in request.questions] == [9, 9, 9]
    assert request.system == "Be brief."


def test_the_answer_so_far_can_be_read_while_it_is_generated(bench: Bench) -> None:
    bench.use_engine(TalkingEngine(3))
    asked = bench.ask("What is 2 + 3?")
    run_rounds(bench)
    assert bench.asks.read(asked).partial == "A picture of"
    assert bench.answer(asked) is None
    run_rounds(bench, 3)
    assert text(bench, asked) == "No picture."


@pytest.mark.parametrize("is_open", [True, False])
def test_a_question_that_is_withdrawn_is_cancelled(bench: Bench, is_open: bool) -> None:
    engine = SlowEngine(100)
    bench.use_engine(engine)
    bench.ask_prefetcher.holding = not is_open
    asked, other = bench.ask("What is 2 + 3?"), bench.ask("And 3 + 4?")
    run_rounds(bench)
    bench.commands.answer(asked.id, WITHDRAWN)
    run_rounds(bench, 12)
    assert engine.cancelled == ([f"ask.{asked.id}"] if is_open else [])
    assert bench.asks.read(other).is_taken


def test_a_file_that_cannot_be_opened_is_the_question_s_own_error(bench: Bench) -> None:
    for name in ("a.png", "b.png"):
        (bench.inbox / name).write_bytes(b"picture")
    bench.opener.failures[bytes(bench.inbox / "b.png")] = UnreadableError("The picture is damaged.")
    asked, gone, fine = bench.ask(QUESTION, "a.png", "b.png"), bench.ask(QUESTION, "gone.png"), bench.ask(QUESTION)
    run_rounds(bench)
    assert error(bench, asked) == (f"{bench.inbox}/b.png: The picture is damaged.", 1)
    assert error(bench, gone) == (f"{bench.inbox}/gone.png: The file is no longer there.", 1)
    assert text(bench, fine) == "No picture."


def test_a_prompt_that_is_too_long_is_refused_with_what_to_do_and_the_model_stays(bench: Bench) -> None:
    engine = TooLongEngine()
    bench.use_engine(engine)
    asked, job = bench.ask(QUESTION), bench.queue()
    run_rounds(bench, 2)
    answer = bench.answer(asked)
    assert answer is not None
    assert (answer.error, answer.advice) == ("The prompt is too long.", "Give fewer pictures.")
    assert bench.state(job) is JobState.DONE
    assert engine.is_loaded


def test_an_unexpected_error_of_opening_is_not_shown_to_the_person(bench: Bench) -> None:
    (bench.inbox / "a.png").write_bytes(b"picture")
    bench.opener.failures[bytes(bench.inbox / "a.png")] = RuntimeError("secret")
    asked = bench.ask(QUESTION, "a.png")
    run_rounds(bench)
    assert error(bench, asked) == ("The question failed unexpectedly.", 1)


def test_a_question_of_another_version_is_refused(bench: Bench) -> None:
    asked = bench.commands.send(RUN, CommandKind.ASK, {"question": QUESTION})
    run_rounds(bench)
    assert "does not have the fields" in error(bench, asked)[0]


def test_without_a_model_a_question_is_refused_with_the_reason(bench: Bench) -> None:
    engine = AbsentEngine()
    bench.use_engine(engine)
    asked = bench.ask(QUESTION)
    run_rounds(bench)
    assert error(bench, asked) == ("The weights of echo are not on this machine.", 6)
    engine.here = True
    bench.clock.advance(60)
    later = bench.ask(QUESTION)
    bench.run_rounds(2, seconds=60)
    assert text(bench, later) == "No picture."


def test_questions_are_answered_while_work_is_paused_by_a_person_or_by_the_machine(bench: Bench) -> None:
    job = bench.queue()
    bench.power = PowerState(is_saving=True)
    asked = bench.ask(QUESTION)
    run_rounds(bench, 2)
    assert text(bench, asked) == "No picture."
    assert bench.state(job) is JobState.QUEUED


def test_a_question_is_tried_once_more_alone_when_the_engine_has_failed(bench: Bench) -> None:
    engine = FailingEngine(is_asked)
    bench.use_engine(engine)
    asked = bench.ask("What is 2 + 3?")
    run_rounds(bench)
    assert bench.asks.waiting(RUN).tried == 1
    job = bench.queue()
    engine.failing = False
    bench.run_rounds(1, seconds=60)
    bench.run_rounds(1, seconds=60)
    assert text(bench, asked) == "No picture."
    assert bench.state(job) is not JobState.FAILED
    run_rounds(bench, 2)
    assert bench.state(job) is JobState.DONE


def test_a_question_on_which_the_engine_fails_twice_is_refused_and_jobs_go_on(bench: Bench) -> None:
    bench.use_engine(FailingEngine(is_asked))
    asked = bench.ask("What is 2 + 3?")
    bench.run_rounds(4, seconds=60)
    assert error(bench, asked)[0] == "The model failed on the question twice."
    job = bench.queue()
    bench.run_rounds(3, seconds=60)
    assert (bench.state(job), bench.attempts(job)) == (JobState.DONE, 1)


def test_while_a_question_waits_to_run_alone_no_job_and_no_other_question_is_begun(bench: Bench) -> None:
    bench.use_engine(FailingEngine(is_asked))
    asked = bench.ask("What is 2 + 3?")
    run_rounds(bench)
    job, other = bench.queue(), bench.ask("And 3 + 4?")
    bench.use_engine(SlowEngine(2))
    run_rounds(bench)
    assert bench.asks.read(asked).is_taken
    assert not bench.asks.read(other).is_taken
    assert bench.state(job) is JobState.QUEUED
    run_rounds(bench, 8)
    assert [text(bench, each) for each in (asked, other)] == ["No picture.", "No picture."]
    assert bench.state(job) is JobState.DONE


def test_a_job_that_runs_alone_is_not_joined(bench: Bench) -> None:
    bench.use_engine(SlowEngine(3))
    job = bench.queue()
    claim = bench.store.claim("dead worker", lease_seconds=60)
    assert claim is not None
    bench.store.abandon_all("The worker was killed.")
    bench.clock.advance(3600)
    run_rounds(bench)
    assert (bench.state(job), bench.attempts(job)) == (JobState.RUNNING, 2)
    asked = bench.ask("What is 2 + 3?")
    run_rounds(bench)
    assert not bench.asks.read(asked).is_taken
    run_rounds(bench, 8)
    assert (bench.state(job), text(bench, asked)) == (JobState.DONE, "No picture.")


def test_a_worker_that_stops_answers_what_it_has_begun_and_puts_the_rest_back(bench: Bench) -> None:
    bench.use_engine(SlowEngine(4))
    begun = bench.ask("What is 2 + 3?")
    run_rounds(bench)
    bench.ask_prefetcher.holding = True
    waiting = bench.ask("And 3 + 4?")
    run_rounds(bench)
    assert bench.asks.read(waiting).is_taken
    bench.control.stop()
    bench.worker.run(bench.control)
    assert text(bench, begun) == "No picture."
    assert bench.asks.waiting(RUN).new == 1


def test_a_worker_with_another_model_leaves_questions_to_that_of_the_settings(bench: Bench) -> None:
    bench.use_engine(EchoEngine(), model="other/model")
    command = bench.ask(QUESTION)
    run_rounds(bench, 3)
    assert bench.answer(command) is None
    bench.use_engine(EchoEngine())
    run_rounds(bench, 3)
    assert text(bench, command)
