"""MLX's memory over hundreds of requests of every size: the process's, and what MLX itself holds."""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import mlx.core as mx
import numpy as np
import psutil
import pytest

from config.recipes import load_recipe
from config.settings import ModelSettings, Settings
from daemon.inference.engine import Request
from daemon.inference.registry import make_engine
from tests.model.test_worker_memory import WARM_UP, clouds, slope

REQUESTS = 500
ROWS = 8
TOKENS = 12
RECIPE = load_recipe()
QUESTIONS = {
    kind: tuple(replace(question, tokens=TOKENS) for question in asked)
    for kind, asked in (("image", RECIPE.image), ("video", RECIPE.video))
}
#: What may be added a request. A tile's pixels, were they kept, would be 49 kB; its features, which are, have 1.5 kB.
MOST_BYTES_A_REQUEST = 20_000
#: The same of what MLX holds, where no other part of the program allocates.
MOST_ACTIVE_BYTES_A_REQUEST = 2_000


def some_request(number: int) -> Request:
    """Every tenth a clip of 2 to 9 frames, else a picture from 16 to 1500 pixels; each with all questions."""
    mix, noise = random.Random(f"memory {number}"), np.random.default_rng(number)
    is_clip = number % 10 == 9
    questions = QUESTIONS["video" if is_clip else "image"]
    if is_clip:
        size = (16 * mix.randint(4, 40), 16 * mix.randint(4, 40))
        frames = tuple(np.asarray(clouds(noise, size)) for _ in range(mix.randint(2, 9)))
        times = tuple(float(second) for second in range(len(frames)))
        return Request(
            id=f"{number}", pictures=frames, questions=questions, timestamps=times, seconds=float(len(frames))
        )
    size = (int(16 * 2 ** mix.uniform(0, 6.55)), int(16 * 2 ** mix.uniform(0, 6.55)))
    return Request(id=f"{number}", pictures=(np.asarray(clouds(noise, size)),), questions=questions)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_memory_stays_flat_over_500_requests(tmp_path: Path) -> None:
    model = ModelSettings.model_validate({"id": "demo", "engine": "mlx", "rows": ROWS, "precision": "bf16"})
    process = psutil.Process()
    resident: list[tuple[int, int]] = []
    active: list[tuple[int, int]] = []
    with closing(make_engine(Settings(home=tmp_path, model=model))) as engine:
        engine.load()
        mx.reset_peak_memory()
        sent = done = 0
        while done < REQUESTS:
            while sent < REQUESTS and sent - done < ROWS:
                engine.submit(some_request(sent))
                sent += 1
            done += len(engine.step())
            resident.append((done, process.memory_info().rss))
            active.append((done, mx.get_active_memory()))
    rise, active_rise = (slope([point for point in points if point[0] >= WARM_UP]) for points in (resident, active))
    print(
        f"{REQUESTS} requests, {len(resident)} samples: {resident[0][1] / 1e6:.0f} MB resident at first,"
        f" {max(used for _, used in resident) / 1e6:.0f} at most; MLX {active[0][1] / 1e6:.1f} MB at first,"
        f" {mx.get_peak_memory() / 1e6:.1f} at most; after {WARM_UP}: {rise:+.0f} bytes a request resident,"
        f" {active_rise:+.0f} in MLX"
    )
    assert rise <= MOST_BYTES_A_REQUEST
    assert active_rise <= MOST_ACTIVE_BYTES_A_REQUEST
