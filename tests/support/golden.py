"""The stock processor's results, and the pictures they were made from."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import daemon.inference
from daemon.media.clip import Pixels
from tests.support.checkout import ROOT

#: The real 500M model's files, without weights.
REAL_FILES = Path(daemon.inference.__file__).parent / "smolvlm2_500m"
SHIPPED = ROOT / "tests" / "data" / "golden_processor.json"


@cache
def golden() -> dict[str, Any]:
    """The cases; SMOLWATCH_GOLDEN can name another file of the same form."""
    found: dict[str, Any] = json.loads(Path(os.environ.get("SMOLWATCH_GOLDEN", SHIPPED)).read_text(encoding="utf-8"))
    return found


@cache
def golden_prompts() -> list[dict[str, Any]]:
    """Prompts of several pictures, pictures among text and text alone; `tests.support.golden_prompts` makes them."""
    found: list[dict[str, Any]] = json.loads(
        (ROOT / "tests" / "data" / "golden_prompts.json").read_text(encoding="utf-8")
    )
    return found


def gradient(width: int, height: int, seed: int) -> Pixels:
    """A test picture, drawn as for the golden results."""
    across, down = np.arange(width)[None, :] / width, np.arange(height)[:, None] / height
    red = 127.5 + 127.5 * np.sin(2 * np.pi * (across * (1 + seed % 3) + 0.1 * seed))
    green = 127.5 + 127.5 * np.cos(2 * np.pi * (down * (1 + seed % 2) + 0.2 * seed))
    blue = 255 * across * down
    channels = (np.broadcast_to(channel, (height, width)) for channel in (red, green, blue))
    return np.clip(np.rint(np.stack(list(channels), axis=-1)), 0, 255).astype(np.uint8)


def spelled_out(ids_rle: list[int | list[int]]) -> list[int]:
    """Token ids with the runs of `<image>` written out."""
    ids: list[int] = []
    for item in ids_rle:
        ids += [item] if isinstance(item, int) else [item[0]] * item[1]
    return ids
