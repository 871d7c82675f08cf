"""Memory stays flat over 10,000 pictures of an evaluation; `PROOF_MODEL` takes another model, and a tenth of them.

With full-size random weights: see "Tests" in CONTRIBUTING.md.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.evaluating import evaluate
from tests.support.media.media_files import save_image, some_image

MODEL = os.environ.get("PROOF_MODEL", "demo")
PICTURES = 10_000 if MODEL == "demo" else 1000
MEDIA = 20
#: What may be added a picture: less than a tenth of the smallest picture here.
MOST_KILOBYTES = 2.0
SUITE = """
description = "A long run"

[[case]]
name = "memory-line"
measure = "memory-line"
count = {count}
media = [{media}]
"""


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_thousand_pictures_leave_nothing_in_memory(tmp_path: Path) -> None:
    folder = tmp_path / "long"
    folder.mkdir()
    names = [f"{number}.png" for number in range(MEDIA)]
    for number, name in enumerate(names):
        save_image(folder / name, some_image(number))
    text = SUITE.format(count=PICTURES, media=", ".join(f'"{name}"' for name in names))
    (folder / "suite.toml").write_text(text, encoding="utf-8")
    ((result,),) = (evaluate(tmp_path / "home", str(folder), model=MODEL)[1],)
    figures = {figure.name: figure.value for figure in result.figures}
    print(f"{MODEL}: {PICTURES} pictures, {figures}")
    assert result.error is None
    assert result.lines[0].points[-1][0] == PICTURES
    assert figures["slope"] is not None
    assert figures["slope"] < MOST_KILOBYTES
