"""What is wrong with a device's results, beside those of a CPU and of single prompts."""

from __future__ import annotations

import math

import numpy as np

from daemon.inference.device_check_inputs import BatchResults, SingleResults
from daemon.inference.smolvlm.processor import Floats

#: Limits for the error of features and scores, as a share of their spread. Rounding in bf16 makes features differ by
#: 0.005 (demo model) to 0.010 (random weights at full size), and scores by 0.017; patches one position off, by 0.14.
MAX_FEATURE_ERROR, MAX_SCORE_ERROR = 0.05, 0.1
#: By how many standard deviations a chosen token's score may be below the highest: rounding can swap near equals.
MAX_MISS = 0.25


def fault_in(
    single: SingleResults, batch: BatchResults, expected: SingleResults, *, rows: int, max_batch_error: float
) -> str | None:
    """What is wrong, as text for people, or None. Pure.

    At most `rows` sequences run at once; batched scores may be `max_batch_error` off single ones.
    """
    if (error := relative_error(single.features, expected.features)) > MAX_FEATURE_ERROR:
        return f"the features of a tile are {error:.0%} off those of the CPU"
    if (error := relative_error(batch.features, single.features)) > min(MAX_FEATURE_ERROR, max_batch_error):
        return f"the features of tiles in a batch are {error:.1%} off those of single tiles"
    if (error := relative_error(single.scores, expected.scores)) > MAX_SCORE_ERROR:
        return f"its scores are {error:.0%} off those of the CPU"
    if rows > 1 and (error := relative_error(batch.scores, single.scores)) > max_batch_error:
        return f"answers in a batch are {error:.1%} off single ones"
    if not bool((single.misses <= MAX_MISS).all()):
        return "it does not choose the most likely token"
    return None


def relative_error(found: Floats, expected: Floats) -> float:
    """The greatest distance of a row, as a share of the expected row's spread; infinite for NaN."""
    with np.errstate(invalid="ignore", over="ignore"):
        spread = np.linalg.norm(expected - expected.mean(-1, keepdims=True), axis=-1)
        error = float((np.linalg.norm(found - expected, axis=-1) / spread).max())
    return math.inf if math.isnan(error) else error
