"""The suite "performance" with the demo model: it prints its figures, and compares them with nothing."""

from __future__ import annotations

import pytest

from tests.model.conftest import Evaluated


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_figure_is_measured_or_says_why_it_is_not(evaluated: Evaluated) -> None:
    for result in evaluated("performance"):
        assert result.error is None
        assert result.figures
        for figure in result.figures:
            print(f"{result.case:14} {figure.name:28} {figure.value} {figure.unit} ({figure.note})")
            assert figure.note
