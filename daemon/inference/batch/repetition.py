"""Detects repetition loops. Pure, over whatever an answer is made of: tokens, words, characters.

Thresholds: see `answers.checks`; our own is the minimum length of a loop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

#: The longest pattern that is searched for.
LONGEST_PERIOD = 12
#: Only the newest tokens count: a good beginning does not excuse a loop.
WINDOW = 120
#: A loop has at least so many tokens; shorter ones may be intended: "HA HA HA", "0000000".
MIN_LOOP_TOKENS = 24
DOMINANT_SHARE = 0.9
MIN_REPEATS, MIN_COVERAGE, MANY_REPEATS = 3, 0.4, 10


def is_looping(tokens: Sequence[int]) -> bool:
    """Whether an answer that is still being decoded loops. At most some 1500 comparisons, mostly a dozen.

    A loop is a tail of at least 24 tokens that repeats one pattern of up to 12 tokens more than 3 times, and that
    fills more than 40 % of the newest 120 tokens or has the pattern more than 10 times.
    """
    return is_repeating(tokens, MIN_LOOP_TOKENS)


def is_repeating(units: Sequence[object], min_length: int) -> bool:
    """As `is_looping`, for loops of at least `min_length` units."""
    recent = units[-WINDOW:]
    for period in range(1, min(LONGEST_PERIOD, len(recent) // (MIN_REPEATS + 1)) + 1):
        length = _tail_length(recent, period)
        times = length // period
        if length >= min_length and (
            times > MANY_REPEATS or (times > MIN_REPEATS and length > MIN_COVERAGE * len(recent))
        ):
            return True
    return False


def is_loop(units: Sequence[object], min_length: int) -> bool:
    """For a whole answer: it ends in a loop, or one unit is nearly all of it."""
    return is_repeating(units, min_length) or _is_one_unit(units, min_length)


def _is_one_unit(units: Sequence[object], min_length: int) -> bool:
    return len(units) >= min_length and Counter(units).most_common(1)[0][1] >= DOMINANT_SHARE * len(units)


def _tail_length(units: Sequence[object], period: int) -> int:
    """How many of the last units repeat with that period; the first pattern is included."""
    start = len(units) - 1
    while start >= period and units[start] == units[start - period]:
        start -= 1
    return len(units) - 1 - start + period
