"""Fault 58: the model answers nothing, loops, or repeats its prompt. Fake: no model does so on demand.

The engine is one that says what it is given; the ladder, the worker, the database and the sidecars are real.
"""

from __future__ import annotations

import json

import pytest

from storage.description import Description
from storage.lifecycle import JobState
from tests.fakes.engines import FixedAnswerEngine
from tests.support.worker_bench import Bench

LOOP = "a red car and " * 12
ASTRAY = {
    "loop": LOOP,
    "empty": "",
    "empty but for signs": " \x00 ... <image>",
    "echo": "Describe this image in one sentence. Describe this image in detail. A car.",
    "leaked-token": "A car<|im_start|>on a road.",
    "timestamps": "Frame from 00:01: a car.",
}


def described(bench: Bench, engine: FixedAnswerEngine) -> Description:
    job = bench.queue()
    bench.use_engine(engine)
    bench.run_rounds(3)
    assert (bench.state(job), bench.attempts(job)) == (JobState.DONE, 1)
    description = bench.library.description(job)
    assert description is not None
    return description


@pytest.mark.parametrize("fault", ASTRAY)
def test_what_stays_astray_is_asked_once_more_and_delivered_as_suspect(bench: Bench, fault: str) -> None:
    engine = FixedAnswerEngine(ASTRAY[fault])
    description = described(bench, engine)
    assert len(engine.submitted) == 2
    assert all(decoding.repetition_penalty > 1 for decoding in engine.submitted[1].sampling.values())
    assert description.quality.verdict == "suspect"
    assert f"caption: {fault.split()[0]}" in description.quality.reasons
    written = json.loads((bench.inbox / "beach.png.smolwatch.json").read_text(encoding="utf-8"))
    assert written["quality"] == {"verdict": "suspect", "reasons": list(description.quality.reasons)}
    assert written["answers"] == description.answers
    assert "suspect: the caption " in (bench.inbox / "beach.png.md").read_text(encoding="utf-8")


def test_an_answer_that_breaks_off_is_given_more_room_once(bench: Bench) -> None:
    engine = FixedAnswerEngine("A car on a", complete=False)
    description = described(bench, engine)
    first, second = ([question.tokens for question in request.questions] for request in engine.submitted)
    assert second == [2 * tokens for tokens in first]
    assert description.quality.reasons == ("caption: cut-off", "summary: cut-off")


@pytest.mark.parametrize("fault", ASTRAY)
def test_a_good_second_answer_is_not_suspect(bench: Bench, fault: str) -> None:
    description = described(bench, FixedAnswerEngine(ASTRAY[fault], again="A car on a road."))
    assert description.quality.verdict == "ok"
    assert description.answers == {"caption": "A car on a road.", "summary": "A car on a road."}
    assert description.stats.tokens_out == 2 * (len(ASTRAY[fault].split()) + 5), "but it was paid for"
