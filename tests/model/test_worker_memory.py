"""The worker's memory while it describes hundreds of files of every size: it rises no further once it has seen some.

CONTRIBUTING.md tells how to take another model.
"""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from daemon.inference.torch.model_runner import CACHE_SHARE
from daemon.worker.prefetch import OPENED_BYTES
from storage.lifecycle import JobState
from tests.support.media.media_files import save_video
from tests.support.processes import DaemonHome, workers
from tests.support.proofs import MODEL, output_of, proof_home, run_once
from tests.support.waiting import wait_for

FILES, CLIPS = 500, 50
#: In the first ones every size has been seen, and memory that is kept for reuse has grown to what is needed.
WARM_UP = 150
EVERY_SECONDS = 0.2
#: What may be added a file: the smallest picture that stayed in memory, one tile, would be eight times that.
MOST_BYTES_A_FILE = 100_000
#: What is computed in between, beside the weights, the opened pictures and the answers' keys and values.
WORKSPACE_BYTES = 1024**3


def draw_files(folder: Path) -> None:
    """Pictures from 16 to 3000 pixels and clips of 2 to 9 frames, well mixed."""
    mix = random.Random("memory")
    kinds = ["clip"] * CLIPS + ["picture"] * (FILES - CLIPS)
    mix.shuffle(kinds)
    for number, kind in enumerate(kinds):
        noise = np.random.default_rng(number)
        if kind == "clip":
            size = (16 * mix.randint(4, 40), 16 * mix.randint(4, 40))
            frames = [clouds(noise, size) for _ in range(mix.randint(2, 9))]
            save_video(folder / f"{number:03}.mp4", frames, fps=1)
        else:
            size = (int(16 * 2 ** mix.uniform(0, 7.55)), int(16 * 2 ** mix.uniform(0, 7.55)))
            clouds(noise, size).save(folder / f"{number:03}.jpg")


def clouds(noise: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Soft colours, as in a photograph out of focus."""
    few = Image.fromarray(noise.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    return few.resize(size, Image.Resampling.BICUBIC)


def samples(home: DaemonHome, daemon: subprocess.Popen[str]) -> list[tuple[int, int]]:
    """How many files were done and the bytes that the worker took, again and again until the daemon ends."""
    worker = wait_for(lambda: next(iter(workers(daemon.pid)), None), 60)
    wait_for(lambda: home.engine().state == "ready", 300)
    found = []
    while daemon.poll() is None:
        with home.reading() as library:
            done = library.counts()[JobState.DONE]
        try:
            found.append((done, worker.memory_info().rss))
        except psutil.Error:
            break  # it has ended, and the daemon is about to
        time.sleep(EVERY_SECONDS)
    return found


def slope(points: list[tuple[int, int]]) -> float:
    """Bytes a file: the median of the slopes between each point and those well after it."""
    pairs = [(x, y, later, high) for x, y in points for later, high in points if later - x >= WARM_UP]
    return float(np.median([(high - y) / (later - x) for x, y, later, high in pairs]))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_worker_s_memory_stays_flat_and_within_its_budget(tmp_path: Path) -> None:
    home = proof_home(tmp_path)
    draw_files(home.inbox)
    free = psutil.virtual_memory().available
    daemon = run_once(home)
    found = samples(home, daemon)
    output_of(daemon)
    assert list(home.states().values()) == [JobState.DONE] * FILES
    loaded, peak = found[0][1], max(used for _, used in found)
    rise = slope([point for point in found if point[0] >= WARM_UP])
    budget = loaded + int(CACHE_SHARE * free) + OPENED_BYTES + WORKSPACE_BYTES
    print(
        f"{FILES} files, {MODEL}, {len(found)} samples: {loaded / 1e6:.0f} MB once loaded, {peak / 1e6:.0f} MB at most"
        f" of {budget / 1e6:.0f} MB; after {WARM_UP} files {rise:+.0f} bytes a file"
    )
    assert rise <= MOST_BYTES_A_FILE
    assert peak <= budget
