"""The demo model with a quarter of the memory that its batch takes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.evaluating import evaluate
from tests.support.media.media_files import save_image, some_image

SUITE = """
description = "Little memory"

[[case]]
name = "memory-pressure"
measure = "memory-pressure"
count = 24
media = ["0.png", "1.png", "2.png", "3.png"]
"""


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")
def test_with_little_memory_the_batch_is_smaller_and_the_answers_are_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "little"
    folder.mkdir()
    for number in range(4):
        save_image(folder / f"{number}.png", some_image(number))
    (folder / "suite.toml").write_text(SUITE, encoding="utf-8")
    _, (result,) = evaluate(tmp_path / "home", str(folder), rows=24)
    figures = {figure.name: figure.value or 0.0 for figure in result.figures}
    print(result.answer, figures)
    assert result.score == 1
    assert result.answer == "24 of 24 answers are equal, 0 were refused for lack of memory."
    assert figures["little memory: largest batch"] < figures["enough memory: largest batch"] == 24
