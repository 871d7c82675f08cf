"""Held-out scenes as real media files, each with its truth. Seeds here are never used by the training."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.demo_world.drawing import draw, film_frames
from tests.support.demo_world.world import Film, Picture, some_film, some_picture
from tests.support.media.media_files import save_image, save_video

FRAMES_A_SECOND = 8
PICTURE_SUFFIXES = (".jpg", ".png")
FILM_SUFFIXES = (".mp4",)


@dataclass(frozen=True)
class Exhibit:
    """A file and the scene that it shows."""

    file: Path
    scene: Picture | Film


def hang_picture(file: Path, picture: Picture, rng: random.Random) -> Exhibit:
    save_image(file, draw(picture, rng))
    return Exhibit(file, picture)


def hang_film(file: Path, film: Film, rng: random.Random) -> Exhibit:
    """A clip of 2 to 9 seconds, so that the sampling rule takes as many frames."""
    frames = film_frames(film, rng, FRAMES_A_SECOND * rng.randint(2, 9))
    save_video(file, frames, fps=FRAMES_A_SECOND)
    return Exhibit(file, film)


def pictures(folder: Path, seed: int, count: int, suffixes: Sequence[str] = PICTURE_SUFFIXES) -> list[Exhibit]:
    rng = random.Random(f"held-out pictures {seed}")
    return [
        hang_picture(folder / f"picture {k:03d}{suffixes[k % len(suffixes)]}", some_picture(rng), rng)
        for k in range(count)
    ]


def films(folder: Path, seed: int, count: int, suffixes: Sequence[str] = FILM_SUFFIXES) -> list[Exhibit]:
    rng = random.Random(f"held-out films {seed}")
    return [hang_film(folder / f"clip {k:03d}{suffixes[k % len(suffixes)]}", some_film(rng), rng) for k in range(count)]
