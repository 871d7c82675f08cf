"""Sessions of many requests, whose replies come in any order, with errors, bad answers and cancellations."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from daemon.errors import EngineError
from daemon.inference.engine import Answer, Figures, Reply, Request
from daemon.worker.describe_session import DescribeSession, SessionResult
from tests.fakes.plans import BranchingPlan
from tests.support.decode_tasks import clip_of

CLIP = clip_of(10)
FIGURES = st.builds(
    Figures,
    # Whole numbers: their sums are exact in any order.
    seconds=st.dictionaries(st.sampled_from(("vision", "prefill", "generate")), st.integers(0, 9).map(float)),
    tokens_in=st.integers(0, 99),
    tokens_out=st.integers(0, 99),
    batch_rows=st.integers(1, 9),
    device_memory_bytes=st.integers(0, 99),
    cold_start=st.booleans(),
    cache_bytes=st.integers(0, 99),
)
SIMPLE = Figures(seconds={}, tokens_in=1, tokens_out=1, batch_rows=1, device_memory_bytes=0, cold_start=False)


def answer(request_id: str, text: str, figures: Figures) -> Reply:
    return Reply(id=request_id, answers={"caption": Answer(text=text, tokens=1, complete=True)}, figures=figures)


def total(found: list[Figures]) -> Figures:
    return Figures(
        seconds={
            phase: sum(each.seconds.get(phase, 0.0) for each in found) for each in found for phase in each.seconds
        },
        tokens_in=sum(each.tokens_in for each in found),
        tokens_out=sum(each.tokens_out for each in found),
        batch_rows=max(each.batch_rows for each in found),
        device_memory_bytes=max(each.device_memory_bytes for each in found),
        cold_start=any(each.cold_start for each in found),
        cache_bytes=found[-1].cache_bytes,
    )


class RepeatingPlan(BranchingPlan):
    """Starts its first request again after each reply."""

    def feed(self, reply: Reply) -> list[Request]:
        self._count = 0
        return self._more(1)


class Running:
    """A session, and what is expected of it."""

    def __init__(self, name: str, first: int) -> None:
        self.plan = BranchingPlan(name, first)
        self.session = DescribeSession(self.plan)
        self.open = {request.id for request in self.session.start(CLIP)}
        self.started = set(self.open)
        self.texts: dict[str, str] = {}
        self.figures: list[Figures] = []


class Sessions(RuleBasedStateMachine):
    """Every started request is fed or cancelled, once; every session ends with its result, an error, or cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.live: list[Running] = []
        self.all: list[Running] = []
        self.fed: set[str] = set()
        self.cancelled: set[str] = set()

    @rule(first=st.integers(1, 4))
    def start(self, first: int) -> None:
        running = Running(str(len(self.all)), first)
        self.live.append(running)
        self.all.append(running)

    @precondition(lambda self: self.live)
    @rule(data=st.data(), following=st.integers(0, 3), text=st.sampled_from(("A dog.", "")), figures=FIGURES)
    def an_answer(self, data: st.DataObject, following: int, text: str, figures: Figures) -> None:
        running, request_id = self.draw_open(data)
        running.plan.following = following
        running.texts[request_id] = text
        running.figures.append(figures)
        self.feed(running, answer(request_id, text, figures))

    @precondition(lambda self: self.live)
    @rule(data=st.data(), following=st.integers(0, 2))
    def an_error_that_the_plan_bears(self, data: st.DataObject, following: int) -> None:
        running, request_id = self.draw_open(data)
        running.plan.following = following
        self.feed(running, Reply(id=request_id, error=EngineError("lost")))

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def an_error_that_ends_the_session(self, data: st.DataObject) -> None:
        running, request_id = self.draw_open(data)
        running.plan.is_fatal = True
        with pytest.raises(EngineError, match="lost"):
            running.session.feed(Reply(id=request_id, error=EngineError("lost")))
        self.fed.add(request_id)
        running.open.remove(request_id)
        self.end_cancelled(running)

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.end_cancelled(data.draw(st.sampled_from(self.live)))

    @precondition(lambda self: self.fed)
    @rule(data=st.data())
    def a_second_reply_is_refused(self, data: st.DataObject) -> None:
        request_id = data.draw(st.sampled_from(sorted(self.fed)))
        session = self.all[int(request_id.partition(":")[0])].session
        with pytest.raises(ValueError, match="is not open"):
            session.feed(Reply(id=request_id, figures=SIMPLE))

    @invariant()
    def the_open_requests_are_those_without_a_reply(self) -> None:
        for running in self.live:
            assert running.session.open_requests == running.open

    def teardown(self) -> None:
        """All replies that are left come, and every session ends with its result."""
        while self.live:
            running = self.live[0]
            running.plan.following = 0
            request_id = min(running.open)
            running.texts[request_id] = "A cat."
            running.figures.append(SIMPLE)
            self.feed(running, answer(request_id, "A cat.", SIMPLE))
        started = set().union(*(running.started for running in self.all))
        assert self.fed | self.cancelled == started
        assert not self.fed & self.cancelled

    def draw_open(self, data: st.DataObject) -> tuple[Running, str]:
        running = data.draw(st.sampled_from(self.live))
        return running, data.draw(st.sampled_from(sorted(running.open)))

    def feed(self, running: Running, reply: Reply) -> None:
        running.open.remove(reply.id)
        self.fed.add(reply.id)
        is_last = not running.open and not running.plan.following
        if is_last and not running.figures:
            self.live.remove(running)
            with pytest.raises(ValueError, match="no reply has figures"):
                running.session.feed(reply)
            return
        found = running.session.feed(reply)
        assert isinstance(found, SessionResult) == is_last
        if isinstance(found, SessionResult):
            self.live.remove(running)
            assert found.answers == running.texts
            assert list(found.reasons) == [f"{name}: empty" for name, text in running.texts.items() if not text]
            assert found.figures == total(running.figures)
        else:
            new = {request.id for request in found}
            assert len(new) == len(found) == running.plan.following
            assert not new & running.started
            running.started |= new
            running.open |= new

    def end_cancelled(self, running: Running) -> None:
        """What the owner of a session that is over does."""
        assert running.session.open_requests == running.open
        self.cancelled |= running.open
        self.live.remove(running)


TestSessions = Sessions.TestCase
TestSessions.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_a_plan_without_a_request_is_refused() -> None:
    with pytest.raises(ValueError, match="the plan has no request"):
        DescribeSession(BranchingPlan("7", 0)).start(CLIP)


def test_an_id_is_used_once() -> None:
    session = DescribeSession(RepeatingPlan("7", 1))
    session.start(CLIP)
    with pytest.raises(ValueError, match="request 7:0 was started before"):
        session.feed(answer("7:0", "A dog.", SIMPLE))


def test_a_reply_without_figures_is_an_error() -> None:
    session = DescribeSession(BranchingPlan("7", 1))
    session.start(CLIP)
    with pytest.raises(ValueError, match="figures"):
        session.feed(Reply(id="7:0", answers={"caption": Answer(text="A dog.", tokens=1, complete=True)}))
