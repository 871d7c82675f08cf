"""Reads text with RapidOCR, whose package ships its models. For a process of its own: it takes memory and threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from daemon.media.clip import Pixels

#: For loading the models and reading some pictures, on a slow machine.
SECONDS = 120.0
#: How sure it must be of a line, from 0 to 1: in pictures without text it finds single signs at about 0.7.
LEAST_SURE = 0.8


def read_text(pictures: Sequence[Pixels]) -> tuple[str, ...]:
    """The lines of all pictures, in order."""
    from rapidocr import RapidOCR

    reader: Any = RapidOCR(params={"Global.log_level": "error", "Global.text_score": LEAST_SURE})
    lines: list[str] = []
    for picture in pictures:
        found = reader(np.ascontiguousarray(picture[:, :, ::-1]))  # blue first, as in OpenCV
        lines += found.txts or ()
    return tuple(lines)
