"""How long a question takes in an idle daemon and in one over 200 queued pictures, and what it costs the pictures.

CONTRIBUTING.md explains how to take another model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from PIL import Image

import daemon.inference
from cli.daemon_asks import ask_daemon
from cli.daemon_commands import change_jobs
from daemon.asking.question import Ask
from daemon.lock import holding_run
from storage.commands.requests import CommandKind
from storage.lifecycle import JobState
from storage.records import Job
from tests.support.processes import DaemonHome
from tests.support.proofs import IS_FULL_SIZE, MODEL
from tests.support.waiting import wait_for

PICTURES = 200
IDLE_ASKS = 10
#: Between two questions over the queue.
PAUSE_SECONDS = 0.5
#: For the demo model on a machine that does something else too.
MOST_SECONDS = 15.0
CLIP = Path(daemon.inference.__file__).parent / "demo_model" / "samples" / "clip 08.mp4"


@dataclass(frozen=True)
class Latency:
    """Seconds from sending a question to the first words of its answer that were seen, and to the answer."""

    first: float
    whole: float


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    environ = {"SMOLWATCH_MODEL__ENGINE": "auto", "SMOLWATCH_MODEL__ID": MODEL}
    with closing(DaemonHome(tmp_path / "home", environ)) as home:
        if IS_FULL_SIZE:
            home.environ.pop("OMP_NUM_THREADS", None)
        yield home


def asked(home: DaemonHome, number: int) -> Latency:
    """Each question is another one, so that no text of another answer is near."""
    began, first = time.monotonic(), list[float]()

    def show(text: str) -> None:
        if text and not first:
            first.append(time.monotonic() - began)

    run = holding_run(home.settings.lock_file)
    assert run is not None
    ask = Ask(question=f"What happens first? ({number})", files=(bytes(CLIP),), tokens=32)
    result = ask_daemon(home.settings, run, ask, show)
    assert len(result["answers"]) == 1
    whole = time.monotonic() - began
    return Latency(first[0] if first else whole, whole)


def draw_pictures(home: DaemonHome, name: str, seed: int) -> None:
    """Photographs of clouds, each its own."""
    random = np.random.default_rng(seed)
    for number in range(PICTURES):
        clouds = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        clouds.resize((640, 480), Image.Resampling.BICUBIC).save(home.inbox / f"{name}{number:03}.jpg")


def batch(home: DaemonHome, name: str, seed: int, meanwhile: Callable[[], object]) -> float:
    """Seconds from the first claim to the last description; `meanwhile` is called again and again."""
    change_jobs(home.settings, CommandKind.PAUSE)
    draw_pictures(home, name, seed)

    def jobs() -> list[Job]:
        return [job for file, job in home.jobs().items() if file.startswith(name)]

    wait_for(lambda: len(jobs()) == PICTURES, 120)
    change_jobs(home.settings, CommandKind.RESUME)
    while any(job.state is not JobState.DONE for job in jobs()):
        meanwhile()
        time.sleep(PAUSE_SECONDS)
    assert {job.attempts for job in jobs()} == {1}
    started = [job.started_at for job in jobs() if job.started_at is not None]
    finished = [job.finished_at for job in jobs() if job.finished_at is not None]
    return (max(finished) - min(started)).total_seconds()


def described(latencies: list[Latency]) -> str:
    first, whole = [each.first for each in latencies], [each.whole for each in latencies]
    return (
        f"first word {median(first):.2f} s ({min(first):.2f} to {max(first):.2f}), "
        f"answer {median(whole):.2f} s ({min(whole):.2f} to {max(whole):.2f})"
    )


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_question_over_200_queued_pictures_is_answered_while_they_are_described(home: DaemonHome) -> None:
    home.start_and_wait()
    asked(home, 0)  # loads the model
    idle = [asked(home, number) for number in range(1, IDLE_ASKS)]
    before = batch(home, "a", 1, lambda: None)
    busy: list[Latency] = []
    with_asks = batch(home, "b", 2, lambda: busy.append(asked(home, 1000 + len(busy))))
    after = batch(home, "c", 3, lambda: None)
    alone = (before + after) / 2
    print(
        f"\n{MODEL}: {PICTURES} pictures took {before:.1f} and {after:.1f} s, and {with_asks:.1f} s with {len(busy)}"
        f" questions ({100 * (1 - alone / with_asks):.1f} % slower, {(with_asks - alone) / len(busy):.2f} s a question)"
        f"\nidle: {described(idle)}\nover the queue: {described(busy)}"
    )
    if not IS_FULL_SIZE:
        assert median(each.whole for each in busy) < MOST_SECONDS
