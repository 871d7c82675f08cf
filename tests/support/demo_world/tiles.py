"""Pictures as the tiles that the model sees, and as files leave them."""

from __future__ import annotations

import io
import random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.support.demo_world.checkpoint import TILE

#: Sizes that a picture is squeezed to: 8 : 3 and back, as scans and panoramas are.
SQUEEZED = ((320, 120), (320, 150), (120, 320), (150, 320))
LANCZOS = Image.Resampling.LANCZOS


def worn(picture: Image.Image, rng: random.Random, share: float) -> NDArray[np.uint8]:
    """The picture's tile as files leave it: this share of them through JPEG, some with grain."""
    if rng.random() < share:
        packed = io.BytesIO()
        picture.save(packed, "JPEG", quality=rng.randint(35, 95))
        picture = Image.open(packed)
    pixels = np.asarray(fit(picture), dtype=np.int16)
    if rng.random() < 0.3:
        grain = np.random.default_rng(rng.getrandbits(32)).normal(0, rng.uniform(1, 6), pixels.shape)
        pixels = pixels + grain.astype(np.int16)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def squeezed(picture: Image.Image, rng: random.Random, share: float = 0.1) -> Image.Image:
    """This share of pictures with sides of very different lengths: what is in them is squeezed too."""
    return picture.resize(rng.choice(SQUEEZED), LANCZOS) if rng.random() < share else picture


def fit(picture: Image.Image) -> Image.Image:
    """One tile, as the processor makes it: longest edge to TILE, then to a square."""
    width, height = picture.size
    longest = max(width, height)
    short = min(width, height) * TILE // longest
    short += short % 2
    size = (TILE, short) if width >= height else (short, TILE)
    return picture.resize(size, LANCZOS).resize((TILE, TILE), LANCZOS)
