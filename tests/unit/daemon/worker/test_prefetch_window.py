"""What is opened ahead: in order, within its memory, none lost and none twice, whatever comes between."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from daemon.errors import UnreadableError
from daemon.worker.prefetch_window import DecodeTask, Opened, PrefetchWindow
from tests.support.errands import errand_of, opened

MOST = 100


def begun(ahead: PrefetchWindow) -> DecodeTask:
    errand = ahead.next()
    assert errand is not None
    return errand


def test_files_are_opened_until_their_memory_is_used_up_and_further_when_one_is_no_longer_kept() -> None:
    ahead = PrefetchWindow(MOST)
    errands = [errand_of(number) for number in range(3)]
    for errand in errands:
        ahead.want(errand)
    for errand in errands[:2]:
        assert begun(ahead) is errand
        ahead.open(opened(errand, 60))
    assert ahead.next() is None
    assert ahead.take() is not None
    assert ahead.next() is None, "what was taken still lies in memory"
    ahead.keep([])
    assert begun(ahead) is errands[2]


def test_one_file_is_opened_however_large() -> None:
    ahead = PrefetchWindow(MOST)
    ahead.want(errand_of(1))
    ahead.want(errand_of(2))
    ahead.open(opened(begun(ahead), 10 * MOST))
    assert ahead.next() is None
    assert ahead.take() is not None


def test_a_file_that_could_not_be_opened_takes_no_memory() -> None:
    ahead = PrefetchWindow(MOST)
    for number in range(20):
        ahead.want(errand_of(number))
        ahead.open(Opened(errand=begun(ahead), clip=UnreadableError(), seconds=0.1))
    assert len(ahead) == 20


def test_what_was_forgotten_while_it_was_opened_comes_to_nothing() -> None:
    ahead = PrefetchWindow(MOST)
    ahead.want(errand_of(1))
    errand = begun(ahead)
    assert ahead.forget() == [errand.claim]
    ahead.want(errand_of(1))
    ahead.open(opened(errand, 10 * MOST))
    assert (ahead.take(), len(ahead)) == (None, 1)
    assert begun(ahead) is not errand


class AnyOrder(RuleBasedStateMachine):
    """What worker and thread do, in any order: every file that was wanted is taken or forgotten, once."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = PrefetchWindow(MOST)
        self.wanted: list[int] = []
        self.opening: list[DecodeTask] = []
        self.taken: set[int] = set()
        self.sizes: dict[int, int] = {}
        self.count = 0

    @rule()
    def want(self) -> None:
        self.count += 1
        self.wanted.append(self.count)
        self.ahead.want(errand_of(self.count))

    @precondition(lambda self: not self.opening)
    @rule()
    def begin(self) -> None:
        held = sum(self.sizes.values())
        errand = self.ahead.next()
        if errand is not None:
            assert held < MOST
            self.opening.append(errand)

    @precondition(lambda self: self.opening)
    @rule(size=st.integers(1, 3 * MOST))
    def end(self, size: int) -> None:
        errand = self.opening.pop()
        self.ahead.open(opened(errand, size))
        if errand.claim.job.id in self.wanted:
            self.sizes[errand.claim.job.id] = size

    @rule()
    def take(self) -> None:
        found = self.ahead.take()
        if found is not None:
            job = found.errand.claim.job.id
            assert job == self.wanted.pop(0)
            self.taken.add(job)

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def keep(self, data: st.DataObject) -> None:
        self.taken = set(data.draw(st.lists(st.sampled_from(sorted(self.taken)))))
        self.ahead.keep(self.taken)
        self.sizes = {job: size for job, size in self.sizes.items() if job in self.taken or job in self.wanted}

    @rule()
    def forget(self) -> None:
        assert sorted(claim.job.id for claim in self.ahead.forget()) == self.wanted
        self.sizes = {job: size for job, size in self.sizes.items() if job in self.taken}
        self.wanted.clear()

    @invariant()
    def nothing_is_lost(self) -> None:
        assert len(self.ahead) == len(self.wanted)

    @invariant()
    def something_can_always_be_done(self) -> None:
        waits = self.wanted and not self.opening
        assert not waits or self.ahead.may_open or self.ahead.may_take or self.taken


TestAnyOrder = AnyOrder.TestCase
