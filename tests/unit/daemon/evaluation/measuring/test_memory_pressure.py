from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from config.settings import Settings
from daemon.evaluation.fresh_process import in_fresh_process
from daemon.evaluation.measuring.memory_pressure import Outcome, judged, memory_pressure, outcome_of
from daemon.inference.echo_engine import EchoEngine
from daemon.inference.engine import Engine
from tests.unit.daemon.evaluation.measuring.test_measurements import situation

ENOUGH = Outcome(answers={"a": "A red circle.", "b": "A star."}, taken=40_000_000, rows=2, seconds=0.5)
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")


def echo(_: Settings) -> Engine:
    return EchoEngine()


@pytest.mark.parametrize(
    ("little", "passed", "reason"),
    [
        (ENOUGH, True, "2 of 2 answers are equal, 0 were"),
        (
            replace(ENOUGH, answers={"a": "A red circle."}, errors={"b": "The model failed: out of memory"}),
            True,
            "1 were",
        ),
        (replace(ENOUGH, answers={"a": "A red circle.", "b": "A circle."}), False, "1 of 2 answers are equal"),
        (replace(ENOUGH, answers={"a": "A red circle."}, errors={"b": "KeyError: 3"}), False, "0 were refused"),
        (replace(ENOUGH, answers={"a": "A red circle."}), False, "1 of 2"),
    ],
)
def test_an_answer_is_equal_or_refused_for_lack_of_memory(little: Outcome, passed: bool, reason: str) -> None:
    found = judged(ENOUGH, little, 10_000_000)
    assert [check.passed for check in found.checks] == [passed]
    assert reason in found.checks[0].reason


def test_what_was_taken_and_allowed_has_units() -> None:
    figures = {figure.name: (figure.value, figure.unit) for figure in judged(ENOUGH, ENOUGH, 10_000_000).figures}
    assert figures["allowed"] == (10_000_000, "bytes")
    assert figures["enough memory: taken"] == (40_000_000, "bytes")
    assert figures["little memory: largest batch"] == (2, "rows")


def test_a_gpu_is_not_tried_and_says_so(tmp_path: Path) -> None:
    here = situation(tmp_path)
    found = memory_pressure(replace(here, info=replace(here.info, device="cuda")))
    assert found.skipped is not None
    assert "GPU" in found.skipped or "Linux" in found.skipped


@on_linux
def test_a_process_with_little_memory_answers_and_has_its_limit_only_meanwhile(tmp_path: Path) -> None:
    requests = situation(tmp_path).requests(3, tokens=4)
    found = in_fresh_process(outcome_of, echo, Settings(home=tmp_path), requests, 0)
    assert dict(found.answers) == {f"measure/{number}": "No picture." for number in range(3)}
