"""The thread that opens files; events say when something has happened, and nothing is waited for by the clock."""

from __future__ import annotations

import threading

from daemon.errors import DecoderCrashedError
from daemon.media.clip import Clip
from daemon.worker.prefetch import Prefetcher
from daemon.worker.prefetch_window import Opened, PrefetchWindow
from tests.fakes.clock import FakeClock
from tests.fakes.opener import FakeOpener
from tests.support.errands import errand_of

LONG = 30.0


def taken(reader: Prefetcher) -> Opened:
    reader.wait(LONG)
    found = reader.take()
    assert found is not None
    return found


def test_files_are_opened_in_their_order_while_nobody_waits() -> None:
    opener, clock = FakeOpener(lambda _: clock.advance(2.0)), FakeClock()
    with Prefetcher(opener, clock) as reader:
        errands = [errand_of(number) for number in range(5)]
        for errand in errands:
            reader.want(errand)
        found = [taken(reader) for _ in errands]
    assert [one.errand for one in found] == errands
    assert all(isinstance(one.clip, Clip) and one.seconds == 2.0 for one in found)
    assert opener.is_closed


def test_a_file_that_fails_costs_itself_alone() -> None:
    opener = FakeOpener()
    opener.failures[errand_of(1).claim.job.path] = DecoderCrashedError("signal 11")
    with Prefetcher(opener, FakeClock()) as reader:
        for number in (1, 2):
            reader.want(errand_of(number))
        assert isinstance(taken(reader).clip, DecoderCrashedError)
        assert isinstance(taken(reader).clip, Clip)


def test_it_opens_further_when_pictures_are_no_longer_kept() -> None:
    opener = FakeOpener()
    with Prefetcher(opener, FakeClock(), PrefetchWindow(opener.picture.nbytes)) as reader:
        for number in (1, 2):
            reader.want(errand_of(number))
        taken(reader)
        assert len(opener.opened) == 1
        reader.keep([])
        assert taken(reader).errand.claim.job.id == 2


def test_there_is_no_waiting_when_nothing_can_come() -> None:
    with Prefetcher(FakeOpener(), FakeClock()) as reader:
        reader.wait(LONG)
        assert reader.take() is None


def test_what_is_forgotten_while_it_is_opened_is_never_handed_out() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hold(path: bytes) -> None:
        begun.set()
        assert go_on.wait(LONG)

    with Prefetcher(FakeOpener(hold), FakeClock()) as reader:
        for number in (1, 2, 3):
            reader.want(errand_of(number))
        assert begun.wait(LONG)
        assert [claim.job.id for claim in reader.forget()] == [1, 2, 3]
        reader.want(errand_of(4))
        go_on.set()
        assert taken(reader).errand.claim.job.id == 4
        assert len(reader) == 0


def test_a_file_that_hangs_does_not_hold_up_the_end() -> None:
    begun, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    def hang(path: bytes) -> None:
        begun.set()
        go_on.wait(LONG)

    class Watched(FakeOpener):
        def close(self) -> None:
            super().close()
            closed.set()

    opener = Watched(hang)
    with Prefetcher(opener, FakeClock(), grace_seconds=0.0) as reader:
        reader.want(errand_of(1))
        assert begun.wait(LONG)
    assert not opener.is_closed
    go_on.set()
    assert closed.wait(LONG)
