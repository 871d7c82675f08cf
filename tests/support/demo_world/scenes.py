"""Scenes by their words, and the frames of a film that the sampling rule takes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from daemon.media.sampling import sample_indices
from tests.support.demo_world.drawing import draw, film_frames
from tests.support.demo_world.world import Film, Picture

SIZE = (320, 240)


@dataclass(frozen=True)
class Shown:
    """What a file is made of, and the caption that is true of it. A picture has one frame."""

    caption: str
    frames: tuple[Image.Image, ...]
    rate: float = 0.0

    @property
    def picture(self) -> Image.Image:
        return self.frames[0]

    @property
    def seconds(self) -> float:
        return len(self.frames) / self.rate

    def sampled(self, per_second: float = 1.0, most: int = 16) -> list[tuple[list[Image.Image], list[float]]]:
        """The frames that may be looked at, and when they come: by the stock rule, of a short film two to four."""
        if not self.rate:
            return [(list(self.frames), [])]
        indices = sample_indices(len(self.frames), self.rate, per_second=per_second, max_frames=most)
        several = [indices] if len(indices) > 1 else [spread(len(self.frames), count) for count in (2, 3, 4)]
        return [([self.frames[k] for k in row], [k / self.rate for k in row]) for row in several]


def spread(total: int, count: int) -> list[int]:
    """So many frame numbers, evenly from the first to the last."""
    return [int(number) for number in np.linspace(0, total - 1, count)]


def corner(colour: str = "red", background: str = "white", shape: str = "circle") -> Picture:
    """A shape at the top left: with sides of two lengths, no turn and no mirror leaves it as it is."""
    return Picture(colour=colour, background=background, shape=shape, size="large", column=0, row=0, count=1)


def moving(
    motion: str = "moves to the right",
    colour: str = "red",
    background: str = "white",
    shape: str = "circle",
    second: str = "",
) -> Film:
    return Film(shape=shape, colour=colour, background=background, motion=motion, second_colour=second)


def shown(
    scene: Picture | Film, seed: int = 5, *, seconds: float = 4, rate: float = 8, size: tuple[int, int] = SIZE
) -> Shown:
    if isinstance(scene, Picture):
        return Shown(scene.caption, (draw(scene, random.Random(seed), size),))
    frames = film_frames(scene, random.Random(seed), max(1, round(seconds * rate)), size)
    return Shown(scene.caption, tuple(frames), rate)


def difference(pixels: np.ndarray, truth: Image.Image) -> float:
    """How far pixels (height, width, 3) are from the truth at their size: the mean over all channels, of 255."""
    height, width = pixels.shape[:2]
    wanted = np.asarray(truth.convert("RGB").resize((width, height), Image.Resampling.LANCZOS), dtype=np.float64)
    return float(np.abs(wanted - pixels).mean())


def rougher(pictures: Sequence[Image.Image]) -> list[list[Image.Image]]:
    """The same pictures as lossy files have them: in other brightness and contrast, blurred, and in fewer colours."""

    def changed(change: Callable[[int], int]) -> list[Image.Image]:
        return [Image.eval(picture.convert("RGB"), change) for picture in pictures]

    def curved(power: float) -> list[Image.Image]:
        return changed(lambda v: round(255 * (v / 255) ** power))

    blurred = [p.resize((p.width // 3, p.height // 3), Image.Resampling.BOX).resize(p.size) for p in pictures]
    fewer = changed(lambda v: v & 0xF8 | v >> 5)  # five bits a channel
    softer, harder = curved(0.8), curved(1.25)
    return [changed(lambda v: min(255, v + 6)), changed(lambda v: max(0, v - 6)), softer, harder, blurred, fewer]
