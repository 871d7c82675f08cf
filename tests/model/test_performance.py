"""The suite "performance" with the demo model: it prints its figures, and compares them with nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import Settings
from tests.model.conftest import Evaluated
from tests.support.evaluating import evaluate
from tests.support.media.media_files import save_image, some_image

TWICE = """
description = "One picture, again and again"

[[case]]
name = "one-picture"
measure = "one-picture"
media = ["a.png"]
count = 2

[[case]]
name = "memory-line"
measure = "memory-line"
media = ["a.png"]
count = 3
"""


def test_a_measurement_keeps_nothing_that_makes_the_next_one_faster(tmp_path: Path) -> None:
    folder = tmp_path / "twice"
    folder.mkdir()
    save_image(folder / "a.png", some_image(1))
    (folder / "suite.toml").write_text(TWICE, encoding="utf-8")
    _, results = evaluate(tmp_path / "home", str(folder))
    assert [result.error for result in results] == [None, None]
    assert list(Settings(home=tmp_path / "home").feature_folder.rglob("*")) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_figure_is_measured_or_says_why_it_is_not(evaluated: Evaluated) -> None:
    for result in evaluated("performance"):
        assert result.error is None
        assert result.figures
        for figure in result.figures:
            print(f"{result.case:14} {figure.name:28} {figure.value} {figure.unit} ({figure.note})")
            assert figure.note
