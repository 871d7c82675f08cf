"""Jobs in flight: their requests and replies, and what is left of them in the engine when they are cancelled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from torch import Tensor

from config.recipes import load_recipe
from daemon.errors import EngineError
from daemon.inference.batch_engine import BatchEngine
from daemon.inference.echo_engine import EchoEngine
from daemon.inference.engine import Engine, Reply, Request
from daemon.media.clip import Clip
from daemon.worker.describe_plan import DescribePlan
from daemon.worker.describe_session import DescribeSession, Plan, SessionResult
from daemon.worker.engine_host import EngineHost
from daemon.worker.in_flight_jobs import InFlightJob, InFlightJobs
from storage.description import Media
from storage.records import Claim, MediaKind
from tests.contracts.test_engine import torch_engine
from tests.fakes.clock import FakeClock
from tests.fakes.engines import FixedAnswerEngine, SlowEngine
from tests.fakes.plans import BranchingPlan
from tests.support.checkpoints import LOOPING, write_tiny_checkpoint
from tests.support.decode_tasks import task_of

LOOP = "a red car and " * 12


class Flight:
    """Jobs in flight in this engine, and the results of those that have one, by job."""

    def __init__(self, engine: Engine) -> None:
        self.host = EngineHost(lambda: engine, FakeClock(), lambda state: None)
        assert self.host.open()
        self.jobs = InFlightJobs(self.host)
        self.results: dict[int, SessionResult] = {}

    def start(self, number: int, plan: Plan, *, token: int = 1) -> Claim:
        clip, task = clip_of(number), task_of(number)
        task = replace(task, claim=replace(task.claim, token=token))
        session = DescribeSession(plan)
        job = InFlightJob(
            task=task, media=clip.media, defects=(), decode_seconds=0.0, recipe=load_recipe(), session=session
        )
        self.jobs.start(job, clip)
        return task.claim

    def describe(self, number: int, *, token: int = 1) -> Claim:
        return self.start(number, DescribePlan(f"{number}.{token}", load_recipe()), token=token)

    def step(self, steps: int = 1) -> None:
        for reply in [reply for _ in range(steps) for reply in self.host.step()]:
            self.feed(reply)

    def feed(self, reply: Reply) -> None:
        job = self.jobs.job_of(reply)
        assert job is not None
        result = self.jobs.feed(job, reply)
        if result is not None:
            assert job.claim.job.id not in self.results
            self.results[job.claim.job.id] = result

    def run(self) -> None:
        while self.jobs:
            self.step()


class CaptioningEngine(EchoEngine):
    """Answers requests without questions, as those of a `BranchingPlan` are, with a caption."""

    def step(self) -> list[Reply]:
        captions = FixedAnswerEngine("A dog.")
        for reply in super().step():
            captions.submit(Request(id=reply.id, pictures=clip_of(0).pictures, questions=load_recipe().image))
        return captions.step()


def clip_of(number: int) -> Clip:
    """Another picture for every number."""
    picture = np.random.default_rng(number).integers(0, 255, (60, 90, 3), dtype=np.uint8)
    media = Media(kind=MediaKind.IMAGE, format="png", width=90, height=60)
    return Clip(media=media, pictures=(picture,), timestamps=(0.0,))


def test_every_reply_finds_its_job_and_a_job_is_in_flight_until_its_last_reply() -> None:
    flight = Flight(FixedAnswerEngine(LOOP, again="A red car."))
    claims = [flight.describe(number) for number in (1, 2, 3)]
    assert (flight.jobs.claims(), len(flight.jobs), flight.jobs.request_count) == (claims, 3, 3)
    flight.step()
    assert (len(flight.jobs), flight.results) == (3, {}), "asked again"
    flight.step()
    assert (len(flight.jobs), sorted(flight.results)) == (0, [1, 2, 3])
    assert {result.answers["caption"] for result in flight.results.values()} == {"A red car."}


def test_a_job_of_many_requests_is_one_job() -> None:
    flight = Flight(CaptioningEngine(rows=2))
    many = flight.start(1, BranchingPlan("many", 5))
    one = flight.start(2, BranchingPlan("one", 1))
    assert (flight.jobs.claims(), len(flight.jobs), flight.jobs.request_count) == ([many, one], 2, 6)
    flight.step()
    assert (len(flight.jobs), flight.jobs.request_count, flight.results) == (2, 4, {})
    flight.run()
    assert [list(flight.results[number].answers) for number in (1, 2)] == [
        [f"many:{number}" for number in range(5)],
        ["one:0"],
    ]


def test_every_open_request_of_a_cancelled_job_is_cancelled_in_the_engine_and_no_other() -> None:
    engine = SlowEngine(steps=9)
    flight = Flight(engine)
    unwanted = flight.start(1, BranchingPlan("many", 3))
    kept = flight.describe(2)
    flight.jobs.cancel(unwanted)
    assert engine.cancelled == ["many:0", "many:1", "many:2"]
    assert flight.jobs.claims() == [kept]
    assert flight.jobs.job_of(Reply(id="many:0")) is None
    flight.run()
    assert list(flight.results) == [2]
    flight.jobs.cancel(unwanted)
    assert len(engine.cancelled) == 3, "cancelled once"


def test_a_job_that_is_over_after_an_error_can_be_cancelled() -> None:
    engine = SlowEngine(steps=9)
    flight = Flight(engine)
    plan = BranchingPlan("many", 3)
    plan.is_fatal = True
    claim = flight.start(1, plan)
    with pytest.raises(EngineError, match="lost"):
        flight.feed(Reply(id="many:1", error=EngineError("lost")))
    flight.jobs.cancel(claim)
    assert engine.cancelled == ["many:0", "many:2"]
    assert not flight.jobs


def test_a_job_that_was_claimed_again_is_not_cancelled_with_its_lost_claim() -> None:
    flight = Flight(SlowEngine(steps=2))
    lost, newer = flight.describe(1, token=1), flight.describe(1, token=2)
    flight.jobs.cancel(lost)
    assert [claim.token for claim in flight.jobs.claims()] == [newer.token]
    flight.run()
    assert list(flight.results) == [1]


@pytest.mark.parametrize("steps", [0, 1])
def test_a_job_may_be_cancelled_while_it_is_asked_again_and_come_back_as_new(steps: int) -> None:
    engine = FixedAnswerEngine(LOOP, again="A red car.")
    flight = Flight(engine)
    claim = flight.describe(7)
    flight.step(steps)
    assert len(engine.submitted) == steps + 1
    flight.jobs.cancel(claim)
    flight.step()
    assert flight.results == {}
    flight.describe(7)
    flight.step()
    assert flight.results == {}
    flight.step()
    assert flight.results[7].answers["caption"] == "A red car."
    assert flight.results[7].figures.tokens_out == 2 * (48 + 3), "of the new requests alone"


def test_cleared_jobs_are_forgotten() -> None:
    flight = Flight(EchoEngine())
    claims = [flight.describe(number) for number in (1, 2)]
    assert flight.jobs.clear() == claims
    assert (len(flight.jobs), flight.jobs.clear()) == (0, [])


@pytest.fixture(scope="module")
def looping(tmp_path_factory: pytest.TempPathFactory) -> BatchEngine[Tensor]:
    return torch_engine(write_tiny_checkpoint(tmp_path_factory.mktemp("looping"), 0, LOOPING))


@pytest.fixture
def torch_flight(looping: BatchEngine[Tensor]) -> Iterator[Flight]:
    flight = Flight(looping)
    yield flight
    flight.host.close()


def test_a_real_model_s_bad_answers_are_asked_again_without_encoding_the_picture_again(torch_flight: Flight) -> None:
    """Random weights, most of whose answers loop. Only a request that encodes tiles has seconds of vision."""
    for number in range(4):
        torch_flight.describe(number)
    vision: dict[str, float] = {}
    while torch_flight.jobs:
        for reply in torch_flight.host.step():
            assert reply.error is None and reply.figures is not None
            vision[reply.id] = reply.figures.seconds.get("vision", 0.0)
            torch_flight.feed(reply)
    assert sorted(torch_flight.results) == [0, 1, 2, 3]
    again = {request_id for request_id in vision if request_id.endswith(":reask")}
    assert again
    assert all((vision[request_id] == 0.0) is (request_id in again) for request_id in vision)
