"""The thread that opens files; events instead of sleeps."""

from __future__ import annotations

import threading
from dataclasses import replace

from config.recipes import Sampling, load_recipe
from daemon.errors import DecoderCrashedError, UnreadableError
from daemon.inference.sampling_params import SamplingParams
from daemon.media.clip import Clip
from daemon.worker.prefetch import FilePrefetcher, Opened, request_for
from tests.fakes.clock import FakeClock
from tests.fakes.opener import FakeOpener
from tests.support.decode_tasks import clip_of, opened, task_of

LONG = 30.0


def taken(prefetcher: FilePrefetcher) -> Opened:
    prefetcher.wait(LONG)
    found = prefetcher.take()
    assert found is not None
    assert found[0] is found[1].task
    return found[1]


def test_files_are_opened_in_their_order_in_the_background() -> None:
    opener, clock = FakeOpener(lambda _: clock.advance(2.0)), FakeClock()
    with FilePrefetcher(opener, clock) as prefetcher:
        tasks = [task_of(number) for number in range(5)]
        for task in tasks:
            prefetcher.add(task)
        found = [taken(prefetcher) for _ in tasks]
    assert [opened.task for opened in found] == tasks
    assert all(isinstance(opened.clip, Clip) and opened.seconds == 2.0 for opened in found)
    assert opener.is_closed


def test_a_file_that_fails_does_not_affect_the_next() -> None:
    opener = FakeOpener()
    opener.failures[task_of(1).claim.job.path] = DecoderCrashedError("signal 11")
    with FilePrefetcher(opener, FakeClock()) as prefetcher:
        for number in (1, 2):
            prefetcher.add(task_of(number))
        assert isinstance(taken(prefetcher).clip, DecoderCrashedError)
        assert isinstance(taken(prefetcher).clip, Clip)


def test_the_next_file_is_opened_when_pictures_are_no_longer_kept() -> None:
    opener = FakeOpener()
    with FilePrefetcher(opener, FakeClock(), opener.picture.nbytes) as prefetcher:
        for number in (1, 2):
            prefetcher.add(task_of(number))
        taken(prefetcher)
        assert len(opener.opened) == 1
        prefetcher.keep([])
        assert taken(prefetcher).task.claim.job.id == 2


def test_waiting_ends_at_once_when_there_is_nothing_to_open() -> None:
    with FilePrefetcher(FakeOpener(), FakeClock()) as prefetcher:
        prefetcher.wait(LONG)
        assert prefetcher.take() is None


def test_a_file_that_is_dropped_while_it_is_opened_is_never_taken() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hold(path: bytes) -> None:
        begun.set()
        assert go_on.wait(LONG)

    with FilePrefetcher(FakeOpener(hold), FakeClock()) as prefetcher:
        for number in (1, 2, 3):
            prefetcher.add(task_of(number))
        assert begun.wait(LONG)
        assert [task.claim.job.id for task in prefetcher.clear()] == [1, 2, 3]
        prefetcher.add(task_of(4))
        go_on.set()
        assert taken(prefetcher).task.claim.job.id == 4
        assert len(prefetcher) == 0


def test_a_file_that_hangs_does_not_delay_the_end() -> None:
    begun, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    def hang(path: bytes) -> None:
        begun.set()
        go_on.wait(LONG)

    class Watched(FakeOpener):
        def close(self) -> None:
            super().close()
            closed.set()

    opener = Watched(hang)
    with FilePrefetcher(opener, FakeClock(), grace_seconds=0.0) as prefetcher:
        prefetcher.add(task_of(1))
        assert begun.wait(LONG)
    assert not opener.is_closed
    go_on.set()
    assert closed.wait(LONG)


def test_a_file_that_could_not_be_opened_takes_no_memory() -> None:
    failed = Opened(task=task_of(1), clip=UnreadableError(), seconds=0.1)
    assert failed.nbytes == 0
    assert opened(task_of(1), 60).nbytes == 60


def test_a_request_has_its_recipe_s_questions_sampling_and_system_prompt() -> None:
    caption, summary = load_recipe().image
    strict = replace(summary, sampling=Sampling(repetition_penalty=1.2))
    recipe = replace(load_recipe(), image=(caption, strict), system="Be brief.")
    request = request_for(task_of(1).claim.job, clip_of(9), recipe)
    assert (request.questions, request.system) == ((caption, strict), "Be brief.")
    assert request.sampling == {"summary": SamplingParams(repetition_penalty=1.2)}, "the others are greedy"
