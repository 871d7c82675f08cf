from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from config.load import load_settings
from daemon.evaluation.bench.cases import NAMES, Measure
from daemon.evaluation.bench.interleave import Measurement, Run
from daemon.evaluation.bench.matrix import LOAD, NOT_CHOSEN, SUITE, VIDEO_64, matrix_results, new_run
from daemon.evaluation.bench.results import BenchResults, compared
from storage.evaluation.evaluation_records import CaseResult, Figure
from tests.fakes.clock import START

KERNELS: Mapping[str, Any] = {
    "cpu": {
        "dtype": "bf16",
        "most_off": 0.02,
        "shapes": [{"name": "decode", "off": 0.001, "fused_ms": 0.5, "plain_ms": 0.25}],
    },
    "cuda": {"dtype": "bf16", "most_off": 0.02, "trouble": "out of memory", "shapes": []},
}


def measured(*seconds: float, tokens: int = 0) -> list[Measurement]:
    phases = {"load": 4.0, "first picture": 2.0, "second picture": 1.0, "generate": 1.0}
    return [Measurement(each, Run(files=1, phases=phases, tokens=tokens)) for each in seconds]


def report(*names: str) -> BenchResults:
    cases = [
        compared(
            name,
            Measure.RATE if name.startswith("decode") else Measure.SECONDS,
            measured(4.0, 6.0, 5.0, tokens=10),
            measured(2.0, 3.0, 1.0, tokens=int(name.split("-")[1]) * 10 if name.startswith("decode") else 0),
        )
        for name in names
    ]
    machine = {"cpu": "A processor", "libraries": {"torch": "2.13.0"}}
    model = {"id": "random500", "revision": "1", "bytes": 5, "engine": "torch", "device": "cpu", "dtype": "bfloat16"}
    return BenchResults(machine=machine, model=model, options={}, cases=tuple(cases))


def row(results: list[CaseResult], case: str) -> dict[str, Figure]:
    (found,) = (result for result in results if result.case == case)
    return {figure.name: figure for figure in found.figures}


def test_a_cell_is_a_median_with_its_spread() -> None:
    results = matrix_results(report("start", "video-64"), KERNELS, START)
    assert {result.suite for result in results} == {SUITE}
    video = row(results, "videos")
    assert (video[VIDEO_64].value, video[VIDEO_64].note) == (2.0, "median of 3, 1 to 3")
    start = row(results, "start")
    assert [start[name].value for name in (LOAD, "first picture (cold)", "second picture (warm)")] == [4.0, 2.0, 1.0]


def test_a_cell_that_was_not_chosen_says_so() -> None:
    results = matrix_results(report("video-8"), {}, START)
    assert row(results, "videos")[VIDEO_64].value is None
    assert row(results, "videos")[VIDEO_64].note == NOT_CHOSEN
    assert {figure.note for figure in row(results, "start").values()} == {NOT_CHOSEN}
    assert {figure.value for figure in row(results, "limits").values()} == {None}


def test_every_case_of_the_bench_is_compared_with_transformers() -> None:
    against = row(matrix_results(report("fast", "balanced"), {}, START), "against-transformers")
    assert list(against) == list(NAMES)
    assert against["fast"].value == 2.0
    assert "engine 2, stock 5" in against["fast"].note
    assert "8 bits" in against["fast-int8"].note


def test_eight_bits_are_compared_with_the_own_precision() -> None:
    precision = row(matrix_results(report("fast", "fast-int8"), {}, START), "precision")
    assert precision["fast in 8 bits"].value == 1.0
    assert precision["tiles-5 in 8 bits"].note == NOT_CHOSEN


def test_tokens_a_second_are_drawn_over_the_rows_with_their_spread() -> None:
    results = matrix_results(report("decode-1", "decode-8"), {}, START)
    (batch,) = (result for result in results if result.case == "batch")
    assert [line.name for line in batch.lines] == ["median", "least", "most"]
    assert batch.lines[0].points == ((1.0, 10.0), (8.0, 80.0))
    assert row(results, "batch")["64 answers at once"].value is None
    alone = matrix_results(report("decode-1"), {}, START)
    assert not any(result.lines for result in alone)


def test_both_kinds_of_attention_are_named_by_device_and_missing_devices_too() -> None:
    attention = row(matrix_results(report("fast"), KERNELS, START), "attention")
    assert attention["CPU: decode, fused"].value == 0.5
    assert attention["CPU: decode, plain"].value == 0.25
    assert attention["Apple GPU (MPS): fused and plain"].note == "This machine has no Apple GPU (MPS)."
    assert attention["NVIDIA GPU (CUDA): fused and plain"].note == "out of memory"
    assert row(matrix_results(report("fast"), None, START), "attention")["fused and plain"].note == NOT_CHOSEN


def test_the_run_names_machine_model_and_weights(tmp_path: Path) -> None:
    run = new_run(report("fast"), load_settings(home=tmp_path, environ={}), "0123abcd", 8)
    assert (run.model_id, run.weights_digest, run.suites, run.planned) == ("random500", "0123abcd", (SUITE,), 8)
    assert run.libraries == {"torch": "2.13.0"} and "libraries" not in run.machine
