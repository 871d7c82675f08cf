from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.evaluation.metrics.bootstrap import interval_of

VALUES = st.lists(st.floats(-100, 100), min_size=1, max_size=30)


def test_without_cases_there_is_no_interval() -> None:
    assert interval_of([], []) is None


@given(VALUES)
def test_the_interval_lies_within_the_values_and_repeats(values: list[float]) -> None:
    found = interval_of(values, [1.0] * len(values))
    assert found is not None
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
    assert found == interval_of(values, [1.0] * len(values))


def test_weights_pull_the_mean() -> None:
    found = interval_of([0.0, 1.0], [1.0, 3.0])
    assert found is not None
    assert found.mean == pytest.approx(0.75)


def test_more_cases_make_a_narrower_interval() -> None:
    few, many = (interval_of([0.0, 1.0] * n, [1.0] * 2 * n) for n in (5, 100))
    assert few is not None
    assert many is not None
    assert many.high - many.low < (few.high - few.low) / 2
