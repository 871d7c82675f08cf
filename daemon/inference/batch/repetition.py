"""Does something go round in circles? Pure, over whatever an answer is made of: tokens, words, characters.

Thresholds: see `guard`; ours is how long a loop must be to count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

#: The longest pattern that is looked for.
LONGEST_PERIOD = 12
#: How far back: what was said well before does not excuse a loop.
LOOK_BACK = 120
#: A loop is at least so many tokens long; shorter ones may be meant: "HA HA HA", "0000000".
TOKENS = 24
MOSTLY = 0.9
TIMES, COVERAGE, ANYWAY = 3, 0.4, 10


def is_looping(tokens: Sequence[int]) -> bool:
    """Does an answer that is still being written go round in circles? At most some 1500 comparisons, mostly a dozen.

    So is a tail of at least 24 tokens which is one pattern of up to 12 tokens more than 3 times over, and which fills
    more than 40 % of the newest 120 tokens, or has the pattern more than 10 times.
    """
    return is_going_round(tokens, TOKENS)


def is_going_round(units: Sequence[object], least: int) -> bool:
    """As `is_looping`, with `least` for the length that counts."""
    recent = units[-LOOK_BACK:]
    for period in range(1, min(LONGEST_PERIOD, len(recent) // (TIMES + 1)) + 1):
        length = _length_of_tail(recent, period)
        times = length // period
        if length >= least and (times > ANYWAY or (times > TIMES and length > COVERAGE * len(recent))):
            return True
    return False


def is_loop(units: Sequence[object], least: int) -> bool:
    """Of a whole answer: it goes round at its end, or one thing is nearly all of it."""
    return is_going_round(units, least) or _is_one_thing(units, least)


def _is_one_thing(units: Sequence[object], least: int) -> bool:
    return len(units) >= least and Counter(units).most_common(1)[0][1] >= MOSTLY * len(units)


def _length_of_tail(units: Sequence[object], period: int) -> int:
    """How many of the last units repeat each other at that distance; the first pattern is counted with them."""
    start = len(units) - 1
    while start >= period and units[start] == units[start - period]:
        start -= 1
    return len(units) - 1 - start + period
