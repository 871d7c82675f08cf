from __future__ import annotations

from dataclasses import replace

from daemon.evaluation.bench.matrix import LOAD, VIDEO_64
from daemon.evaluation.report.page import TargetRow, TargetVerdict
from daemon.evaluation.report.targets import target_rows
from storage.evaluation.evaluation_records import CaseResult, Figure
from tests.support.reports import RUN, answered, loading

NAMES = [
    *("One image", "A video of 64 frames", "Loading the model", "MPS against CPU", "MLX against transformers"),
    *("Memory", "GPU memory", "Description", "Factual accuracy", "Instruction following", "Coherence"),
]


def rows_of(results: list[CaseResult], measured: list[CaseResult] | None = None) -> dict[str, TargetRow]:
    return {row.name: row for row in target_rows(RUN, results, measured or [])}


def matrix(*figures: Figure) -> list[CaseResult]:
    return [replace(loading(), suite="performance", plan=("3",), figures=figures)]


def test_every_target_of_the_plan_has_a_row_and_without_results_none_is_measured() -> None:
    rows = rows_of([])
    assert sorted(rows) == sorted(NAMES)
    assert {row.verdict for row in rows.values()} == {TargetVerdict.NOT_MEASURED}
    assert all(row.how for row in rows.values())


def test_a_fast_image_meets_the_target_and_a_slow_one_misses_it() -> None:
    fast, slow = replace(answered(1), seconds={"total": 0.5}), replace(answered(5), seconds={"total": 3.5})
    assert rows_of([fast])["One image"].verdict is TargetVerdict.MET
    assert rows_of([slow])["One image"].verdict is TargetVerdict.MISSED
    assert rows_of([slow])["One image"].measured == "3.5 s"


def test_a_picture_that_was_measured_alone_counts_before_those_in_a_batch() -> None:
    alone = matrix(Figure(name="one picture", value=2.5, unit="s", note="median of 5, 2.4 to 2.6 s"))
    row = rows_of([answered(1)], alone)["One image"]
    assert (row.measured, row.how) == ("2.5 s", "Median of 5, 2.4 to 2.6 s.")


def test_a_figure_that_was_taken_beside_a_daemon_is_marked() -> None:
    shared = [replace(matrix(Figure(name=VIDEO_64, value=9.0, unit="s", note="Median."))[0], is_shared=True)]
    assert "aemon used the device meanwhile" in rows_of([], shared)["A video of 64 frames"].how


def test_answers_beside_a_daemon_with_errors_or_about_videos_are_no_times_of_images() -> None:
    others = [replace(answered(1), is_shared=True), replace(answered(1), error="Broken."), answered(2)]
    assert rows_of(others)["One image"].verdict is TargetVerdict.NOT_MEASURED


def test_loading_is_the_longest_time_of_the_suite_else_that_of_the_matrix() -> None:
    assert rows_of([loading()])["Loading the model"].measured == "4.06 s"
    measured = matrix(Figure(name=LOAD, value=61.0, unit="s", note="Median."))
    row = rows_of([], measured)["Loading the model"]
    assert (row.verdict, row.how) == (TargetVerdict.MISSED, "Median.")


def test_what_this_machine_has_not_is_not_measured_here_with_the_reason() -> None:
    measured = matrix(
        Figure(name=VIDEO_64, value=9.0, unit="s", note="Median of 3."),
        Figure(name="cpu, f32", value=2.0, unit="s"),
        Figure(name="mps, bf16", value=None, unit="s", note="This machine has no mps device."),
    )
    rows = rows_of([], measured)
    assert rows["A video of 64 frames"].verdict is TargetVerdict.MET
    assert rows["MPS against CPU"].verdict is TargetVerdict.NOT_MEASURED
    assert rows["MPS against CPU"].how == "This machine has no mps device."


def test_devices_are_compared_each_in_its_fastest_precision() -> None:
    cpu = (Figure(name="cpu, f32", value=9.0, unit="s"), Figure(name="cpu, bf16", value=6.0, unit="s"))
    slow, fast = Figure(name="mps, bf16", value=3.0, unit="s"), Figure(name="mps, bf16", value=1.5, unit="s")
    row = rows_of([], matrix(*cpu, slow))["MPS against CPU"]
    assert (row.measured, row.verdict) == ("2 times", TargetVerdict.MISSED)
    assert rows_of([], matrix(*cpu, fast))["MPS against CPU"].verdict is TargetVerdict.MET


def test_memory_of_the_process_and_of_the_device_are_compared_with_their_limits() -> None:
    heavy = replace(answered(1), peak_memory_bytes=4_100_000_000, device_memory_bytes=1_900_000_000)
    rows = rows_of([heavy])
    assert (rows["Memory"].measured, rows["Memory"].verdict) == ("4.1 GB", TargetVerdict.MISSED)
    assert (rows["GPU memory"].measured, rows["GPU memory"].verdict) == ("1.9 GB", TargetVerdict.MET)


def test_quality_is_compared_with_its_intervals_and_formula() -> None:
    row = rows_of([answered(1), answered(5, is_right=False)])["Factual accuracy"]
    assert (row.measured, row.verdict) == ("50 %", TargetVerdict.MISSED)
    assert "2 cases; 95 % interval" in row.how
    assert rows_of([answered(1)])["Factual accuracy"].verdict is TargetVerdict.MET
