from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.inference.batch.repetition import LONGEST_PERIOD, is_looping


@given(pattern=st.lists(st.integers(0, 49_279), min_size=1, max_size=LONGEST_PERIOD), before=st.integers(0, 30))
def test_a_pure_repetition_is_a_loop_within_64_tokens(pattern: list[int], before: int) -> None:
    tokens = [-1 - number for number in range(before)]
    assert is_looping(tokens + (pattern * 64)[:64])


@given(tokens=st.lists(st.integers(0, 3), max_size=23))
def test_so_few_tokens_are_never_a_loop(tokens: list[int]) -> None:
    assert not is_looping(tokens)


@given(tokens=st.lists(st.integers(0, 999), unique=True))
def test_tokens_that_are_all_new_are_never_a_loop(tokens: list[int]) -> None:
    assert not is_looping(tokens)


@pytest.mark.parametrize(
    ("tokens", "looping"),
    [
        ([1] * 23, False),
        ([1] * 24, True),
        ([1, 2, 3, 4, 5, 6, 7, 8] * 3, False),
        ([1, 2, 3, 4, 5, 6, 7, 8] * 4, True),
        # Far into an answer a loop shows as soon as where it began; a long pattern needs more of the newest tokens.
        ([*range(1000), *[1] * 24], True),
        ([*range(1000), *[1, 2, 3, 4, 5, 6] * 4], False),
        ([*range(1000), *[1, 2, 3, 4, 5, 6] * 9], True),
        # It has found its way out.
        ([1] * 24 + [2], False),
        ([*range(12)] * 4 + [50], False),
        (list(range(13)) * 9, False),
    ],
)
def test_how_much_makes_a_loop(tokens: list[int], looping: bool) -> None:
    assert is_looping(tokens) is looping
