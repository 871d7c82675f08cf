"""A real daemon with the demo model: does it say what is true, and does it survive what may happen to it?"""

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
from daemon.doctor.selftest.trial_result import Failed, TrialResult, tried, wait_for
from daemon.lock import holder
from storage.db.database import open_database
from storage.health import problems
from storage.lifecycle import JobState

BURST = 2000
ASKED_AT_ONCE = 500
BATCH = 24
#: What a worker may keep after more of the same work; by device.
KEPT_BYTES = {"cpu": 60_000_000}
#: On a GPU, each new number of rows and each new shape is compiled, and kept: Apple's some 55 kB a graph, and heaps
#: beside. https://github.com/pytorch/pytorch/issues/181213
KEPT_ON_A_GPU = 400_000_000


def whole_way(room: Path) -> Iterator[TrialResult]:
    """One trial after the other in one home; each leaves the daemon as it was."""
    house = TrialHome(room)
    try:
        for name, trial in TRIALS.items():
            yield tried(name, partial(trial, house))
    finally:
        house.close()


def captions(house: TrialHome) -> str:
    house.start()
    return compared(house.wait_done(house.samples(), 180), house.true)


def compared(said: Mapping[str, str], true: Mapping[str, str]) -> str:
    wrong = [
        f"{name}: {said.get(name, '')!r} and not {caption!r}"
        for name, caption in true.items()
        if said.get(name) != caption
    ]
    if wrong:
        raise Failed(f"{len(wrong)} of {len(true)} captions are not true: {'; '.join(wrong)}")
    return f"{len(true)} of {len(true)} captions are true"


def memory(house: TrialHome) -> str:
    worker = house.worker()
    before = most = worker.memory_info().rss
    made = house.others(house.inbox, BATCH)
    while not all(name in (known := house.jobs()) and known[name].state.is_final() for name in made):
        most = max(most, worker.memory_info().rss)
        time.sleep(0.1)
    with house.reading() as library:
        device = str((library.state("engine") or {}).get("device", "cpu"))
    return kept(before, most, worker.memory_info().rss, device)


def kept(before: int, most: int, after: int, device: str) -> str:
    """What a worker on that device held, in bytes. Raises Failed when it kept more than work on new shapes explains."""
    words = (
        f"the worker held {megabytes(before)} before {BATCH} files, {megabytes(most)} at most, {megabytes(after)} after"
    )
    if after > before + KEPT_BYTES.get(device, KEPT_ON_A_GPU):
        raise Failed(words)
    return words


def tree(house: TrialHome) -> str:
    """Fault 5."""
    top = house.room / "album"
    deepest = top / "one" / "two" / "three"
    deepest.mkdir(parents=True)
    true: dict[str, str] = {}
    for folder in (top, deepest.parent.parent, deepest.parent, deepest):
        true |= house.others(folder, 1)
    top.rename(house.inbox / "album")
    return compared(house.wait_done(list(true)), true)


def burst(house: TrialHome) -> str:
    """Like fault 1: more names at once than some systems keep in mind."""
    folder = house.inbox / "burst"
    folder.mkdir()
    paths = [bytes(folder / f"{number}.txt") for number in range(BURST)]
    for number in range(BURST):
        (folder / f"{number}.txt").write_text(f"{number} is no picture")
    began = time.monotonic()

    def all_are_judged() -> bool:
        with house.reading() as library:
            return all(
                len(library.refusals(paths[start : start + ASKED_AT_ONCE])) == ASKED_AT_ONCE
                for start in range(0, BURST, ASKED_AT_ONCE)
            )

    wait_for(all_are_judged, f"a word on each of {BURST} files")
    seconds = time.monotonic() - began
    shutil.rmtree(folder)
    return f"{BURST} files at once, each looked at within {seconds:.1f} s"


def second_daemon(house: TrialHome) -> str:
    """Fault 35."""
    done = house.again()
    if done.returncode != 75 or str(house.pid) not in done.stderr.decode(errors="replace"):
        raise Failed(f"The second daemon ended with {done.returncode}.")
    if holder(house.settings.lock_file) != house.pid:
        raise Failed("The first daemon lost its home.")
    return "the second ended with 75 and named the first"


def worker_killed(house: TrialHome) -> str:
    """Fault 29."""
    worker = house.worker()
    made = house.others(house.inbox, 6)
    wait_for(
        lambda: any(house.jobs().get(name) and house.jobs()[name].state is not JobState.QUEUED for name in made),
        "work on a file",
    )
    worker.kill()
    words = compared(house.wait_done(list(made)), made)
    if house.worker().pid == worker.pid:
        raise Failed("The worker was not replaced.")
    for name in made:
        sidecars = [path for path in house.inbox.iterdir() if path.name in (f"{name}.md", f"{name}.smolwatch.json")]
        if len(sidecars) != 2:
            raise Failed(f"{name} has {len(sidecars)} sidecars.")
    return f"after kill -9 {words}"


def decoder_killed(house: TrialHome) -> str:
    """Fault 44."""
    worker = house.worker()
    victims = wait_for(house.decoders, "a decoder's process")
    for victim in victims:
        victim.send_signal(signal.SIGSEGV)
    wait_for(lambda: all(map(is_dead, victims)), "the decoder's end")
    made = house.others(house.inbox, 3)
    words = compared(house.wait_done(list(made)), made)
    if house.worker().pid != worker.pid:
        raise Failed("The worker died as well.")
    return f"after a crash of the decoder {words}"


def is_dead(process: psutil.Process) -> bool:
    """Also while its parent has not yet looked."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def ending(house: TrialHome) -> str:
    began = time.monotonic()
    if code := house.stop():
        raise Failed(f"The daemon ended with {code}.")
    seconds = time.monotonic() - began
    with closing(open_database(house.settings.database_file, read_only=True)) as database:
        if wrong := problems(database):
            raise Failed(" ".join(wrong))
    return f"ended within {seconds:.1f} s; the database and its books are sound"


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
