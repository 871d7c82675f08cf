"""Pictures and videos of noise, each different, so that none is encoded once for two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from config.recipes import Question
from daemon.evaluation.bench.cases import Ask
from daemon.inference.engine import Request
from daemon.media.clip import Pixels

ASKS = ("Describe this image in one sentence.", "Describe this image in detail.")
#: The size of a warm-up.
WARM_TOKENS, WARM_FRAMES = 2, 2


def requests_of(ask: Ask, *, tokens: int, most_frames: int, round_number: int = 0) -> list[Request]:
    """The requests of one round; `tokens` is the length of answers where the ask has none."""
    limit = ask.tokens or tokens
    questions = tuple(
        Question(name=f"answer {number}", ask=f"{ASKS[number % 2]} Answer {number}.", tokens=limit)
        for number in range(ask.questions)
    )
    sizes = [size for _ in range(ask.copies) for size in ask.sizes]
    frames = min(ask.frames, most_frames)
    if not frames:
        return [
            Request(id=f"picture {number}", pictures=noise(1, size, (round_number, number)), questions=questions)
            for number, size in enumerate(sizes)
        ]
    return [
        Request(
            id=f"video {number}",
            pictures=noise(frames, size, (round_number, number)),
            questions=questions,
            timestamps=tuple(map(float, range(frames))),
            seconds=float(frames),
        )
        for number, size in enumerate(sizes)
    ]


def warm_up(ask: Ask) -> Ask:
    """A small part of the same work."""
    return replace(ask, sizes=ask.sizes[:1], copies=1, frames=min(ask.frames, WARM_FRAMES), tokens=WARM_TOKENS)


def noise(count: int, size: tuple[int, int], seed: tuple[int, int]) -> tuple[Pixels, ...]:
    """So many pictures of that size (width, height)."""
    random = np.random.default_rng(seed)
    return tuple(random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8) for _ in range(count))
