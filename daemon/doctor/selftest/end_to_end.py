"""End-to-end trials: a real daemon with the demo model, its captions, its memory, and its recovery from crashes."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

import psutil

from daemon.doctor.selftest.trial_home import TrialHome
from daemon.doctor.selftest.trial_result import TrialFailedError, TrialResult, run_trial, wait_for
from daemon.lock import holder
from storage.db.database import open_database
from storage.health import problems
from storage.lifecycle import JobState

BURST = 2000
ASKED_AT_ONCE = 500
BATCH = 24
#: The allowed growth of a worker's memory after more of the same work, by device.
KEPT_BYTES = {"cpu": 60_000_000}
#: A GPU compiles and keeps each new batch size and shape: on Apple about 55 kB a graph, plus heaps. https://github.com/pytorch/pytorch/issues/181213
KEPT_ON_A_GPU = 400_000_000


def end_to_end(scratch: Path) -> Iterator[TrialResult]:
    """One trial after the other in one home; each leaves the daemon running as before."""
    trial = TrialHome(scratch)
    try:
        for name, run in TRIALS.items():
            yield run_trial(name, partial(run, trial))
    finally:
        trial.close()


def captions(trial: TrialHome) -> str:
    trial.start()
    return compared(trial.wait_done(trial.samples(), 180), trial.true)


def compared(captions: Mapping[str, str], true: Mapping[str, str]) -> str:
    wrong = [
        f"{name}: {captions.get(name, '')!r} and not {caption!r}"
        for name, caption in true.items()
        if captions.get(name) != caption
    ]
    if wrong:
        raise TrialFailedError(f"{len(wrong)} of {len(true)} captions are not true: {'; '.join(wrong)}")
    return f"{len(true)} of {len(true)} captions are true"


def memory(trial: TrialHome) -> str:
    worker = trial.worker()
    before = most = worker.memory_info().rss
    made = trial.others(trial.inbox, BATCH)
    while not all(name in (known := trial.jobs()) and known[name].state.is_final() for name in made):
        most = max(most, worker.memory_info().rss)
        time.sleep(0.1)
    with trial.reading() as library:
        device = library.status.engine().device or "cpu"
    return kept(before, most, worker.memory_info().rss, device)


def kept(before: int, most: int, after: int, device: str) -> str:
    """What a worker on that device held, in bytes. Raises Failed when it kept more than work on new shapes explains."""
    text = (
        f"the worker held {megabytes(before)} before {BATCH} files, {megabytes(most)} at most, {megabytes(after)} after"
    )
    if after > before + KEPT_BYTES.get(device, KEPT_ON_A_GPU):
        raise TrialFailedError(text)
    return text


def tree(trial: TrialHome) -> str:
    """Fault 5: a folder tree is moved into the inbox."""
    top = trial.scratch / "album"
    deepest = top / "one" / "two" / "three"
    deepest.mkdir(parents=True)
    true: dict[str, str] = {}
    for folder in (top, deepest.parent.parent, deepest.parent, deepest):
        true |= trial.others(folder, 1)
    top.rename(trial.inbox / "album")
    return compared(trial.wait_done(list(true)), true)


def burst(trial: TrialHome) -> str:
    """Like fault 1: more new files at once than some systems queue notifications for."""
    folder = trial.inbox / "burst"
    folder.mkdir()
    paths = [bytes(folder / f"{number}.txt") for number in range(BURST)]
    for number in range(BURST):
        (folder / f"{number}.txt").write_text(f"{number} is not a picture")
    began = time.monotonic()

    def all_are_judged() -> bool:
        with trial.reading() as library:
            return all(
                len(library.refusals(paths[start : start + ASKED_AT_ONCE])) == ASKED_AT_ONCE
                for start in range(0, BURST, ASKED_AT_ONCE)
            )

    wait_for(all_are_judged, f"a decision on each of {BURST} files")
    seconds = time.monotonic() - began
    shutil.rmtree(folder)
    return f"{BURST} files at once, each checked within {seconds:.1f} s"


def second_daemon(trial: TrialHome) -> str:
    """Fault 35: a second daemon for the same home."""
    done = trial.again()
    if done.returncode != 75 or str(trial.pid) not in done.stderr.decode(errors="replace"):
        raise TrialFailedError(f"The second daemon ended with {done.returncode}.")
    if holder(trial.settings.lock_file) != trial.pid:
        raise TrialFailedError("The first daemon lost its home.")
    return "the second ended with 75 and named the first"


def worker_killed(trial: TrialHome) -> str:
    """Fault 29: the worker is killed."""
    worker = trial.worker()
    made = trial.others(trial.inbox, 6)
    wait_for(
        lambda: any(trial.jobs().get(name) and trial.jobs()[name].state is not JobState.QUEUED for name in made),
        "work on a file",
    )
    worker.kill()
    text = compared(trial.wait_done(list(made)), made)
    if trial.worker().pid == worker.pid:
        raise TrialFailedError("The worker was not replaced.")
    for name in made:
        sidecars = [path for path in trial.inbox.iterdir() if path.name in (f"{name}.md", f"{name}.smolwatch.json")]
        if len(sidecars) != 2:
            raise TrialFailedError(f"{name} has {len(sidecars)} sidecars.")
    return f"after kill -9 {text}"


def decoder_killed(trial: TrialHome) -> str:
    """Fault 44: a decoder process crashes."""
    worker = trial.worker()
    victims = wait_for(trial.decoders, "a decoder's process")
    for victim in victims:
        victim.send_signal(signal.SIGSEGV)
    wait_for(lambda: all(map(is_dead, victims)), "the decoder's end")
    made = trial.others(trial.inbox, 3)
    text = compared(trial.wait_done(list(made)), made)
    if trial.worker().pid != worker.pid:
        raise TrialFailedError("The worker died as well.")
    return f"after a crash of the decoder {text}"


def is_dead(process: psutil.Process) -> bool:
    """Also true for a zombie."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def ending(trial: TrialHome) -> str:
    began = time.monotonic()
    if code := trial.stop():
        raise TrialFailedError(f"The daemon ended with {code}.")
    seconds = time.monotonic() - began
    with closing(open_database(trial.settings.database_file, read_only=True)) as database:
        if wrong := problems(database):
            raise TrialFailedError(" ".join(wrong))
    return f"ended within {seconds:.1f} s; the database is consistent"


def megabytes(count: int) -> str:
    return f"{count / 1e6:.0f} MB"


TRIALS: dict[str, Callable[[TrialHome], str]] = {
    "captions": captions,
    "memory": memory,
    "a tree is moved in": tree,
    "a burst of files": burst,
    "a second daemon": second_daemon,
    "the worker is killed": worker_killed,
    "the decoder crashes": decoder_killed,
    "the end": ending,
}
