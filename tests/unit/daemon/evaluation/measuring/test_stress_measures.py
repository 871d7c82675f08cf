from __future__ import annotations

import pytest

from daemon.evaluation.measuring.stress_measures import slope_of


def test_the_slope_is_that_of_the_second_half_in_kilobytes() -> None:
    warm_up = [(float(k), 100.0 + 10 * k) for k in range(10)]
    steady = [(10.0 + k, 200 + 0.002 * k) for k in range(10)]
    assert slope_of([*warm_up, *steady]) == pytest.approx(2.0)


def test_too_few_points_have_no_slope() -> None:
    assert slope_of([(0.0, 1.0)]) == 0
