"""The testing plan's targets, each with what the results have about it: met, missed, or not measured here."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace

from daemon.evaluation.bench.matrix import LOAD, VIDEO_64
from daemon.evaluation.metrics.run_scores import TARGETS, Score, scores_of
from daemon.evaluation.report.page import TargetRow, TargetVerdict, joined, sentence, short
from storage.evaluation.evaluation_records import CaseResult, EvaluationRun, Figure

#: The plan's rows of questions about one picture.
IMAGE_ROWS = {"2.2", "2.3", "2.6"}
LOADING_ROW = "1.3"
#: Of the suite "performance": a picture alone, its opening included.
ONE_IMAGE = "one picture"
#: A video of 64 s has 64 frames, one a second.
VIDEO_FIGURES = (VIDEO_64, "video of 64 s")
#: The scores that have a target, as the plan calls them.
QUALITY = {
    "description": "Description",
    "accuracy": "Factual accuracy",
    "instruction": "Instruction following",
    "coherence": "Coherence",
}
GIGABYTE = 1e9
BESIDE = "a daemon used the device meanwhile: not comparable"
#: Suites that measure what has no figure yet.
PERFORMANCE, LOADING = "performance", "loading"


def target_rows(run: EvaluationRun, results: Sequence[CaseResult], measured: Sequence[CaseResult]) -> list[TargetRow]:
    """`results`: of the run; `measured`: of the performance matrix, which may be another run's."""
    return [*speed_targets(results, measured), *memory_targets(run, results), *quality_targets(results)]


def speed_targets(results: Sequence[CaseResult], measured: Sequence[CaseResult]) -> Iterator[TargetRow]:
    yield from_figure("One image", 3.0, figure_of(measured, ONE_IMAGE) or median_answer(results), target="1 to 3 s")
    yield from_figure("A video of 64 frames", 15.0, figure_of(measured, *VIDEO_FIGURES), target="5 to 15 s")
    load = loading_figure(results) or figure_of(measured, LOAD)
    yield from_figure("Loading the model", 60.0, load, target="under 60 s", suite=LOADING)
    yield from_figure(
        "MPS against CPU", 3.0, mps_over_cpu(measured), target="3 to 5 times as fast", more_is_better=True
    )
    yield from_figure(
        "MLX against transformers", 2.0, figure_of(measured, "mlx"), target="2 to 3 times as fast", more_is_better=True
    )


def median_answer(results: Sequence[CaseResult]) -> Figure | None:
    """The seconds of an answer about one picture, where no picture was measured alone."""
    seconds = [
        result.seconds["total"]
        for result in results
        if IMAGE_ROWS & set(result.plan) and "total" in result.seconds and not result.is_shared and not result.error
    ]
    note = f"Median of {len(seconds)} answers about one picture, which other answers were computed beside."
    return Figure(name=ONE_IMAGE, value=statistics.median(seconds), unit="s", note=note) if seconds else None


def mps_over_cpu(measured: Sequence[CaseResult]) -> Figure | None:
    """How many times as fast the best precision of MPS is as the best of the CPU, from seconds a picture."""
    figures = [figure for result in measured for figure in result.figures]
    best = {}
    for device in ("cpu", "mps"):
        several = [figure for figure in figures if figure.name.startswith(f"{device}, ")]
        values = [figure.value for figure in several if figure.value]
        if not values:
            return several[-1] if several else None
        best[device] = min(values)
    times = best["cpu"] / best["mps"]
    return Figure(name="MPS over CPU", value=times, unit="times", note="Each in its fastest precision, one picture.")


def memory_targets(run: EvaluationRun, results: Sequence[CaseResult]) -> Iterator[TargetRow]:
    peak = max((result.peak_memory_bytes for result in results), default=0) / GIGABYTE
    yield at_most(
        "Memory", 4.0, "GB", peak or None, target="2 to 4 GB",
        how="The largest resident memory of the process during the run." if peak else "No result has a peak.",
    )  # fmt: skip
    device = max((result.device_memory_bytes for result in results), default=0) / GIGABYTE
    yield at_most(
        "GPU memory", 2.0, "GB", device or None, target="1 to 2 GB",
        how="The most that torch held on the device during the run."
        if device else f"The model ran on: {run.device}.",
    )  # fmt: skip


def quality_targets(results: Sequence[CaseResult]) -> Iterator[TargetRow]:
    for score in scores_of(results):
        if score.name in QUALITY:
            yield at_least(QUALITY[score.name], TARGETS[score.name], score)


def at_most(name: str, most: float, unit: str, value: float | None, *, target: str, how: str) -> TargetRow:
    """Faster or smaller than the target is met too."""
    return row(name, target, None if value is None else f"{short(value)} {unit}", value is None or value <= most, how)


def at_least(name: str, least: float, score: Score) -> TargetRow:
    unit = unit_text(score)
    target, found = f"at least {short(least)}{unit}", score.interval
    if found is None:
        return row(name, target, None, False, "No case of this run checks it.")
    how = f"{score.formula}. {found.count} cases; 95 % interval {short(found.low)} to {short(found.high)}."
    return row(name, target, f"{short(found.mean)}{unit}", found.mean >= least, how)


def unit_text(score: Score) -> str:
    return " %" if score.unit == "%" else "/10"


def from_figure(
    name: str,
    bound: float,
    figure: Figure | None,
    *,
    target: str,
    more_is_better: bool = False,
    suite: str = PERFORMANCE,
) -> TargetRow:
    """`suite`: what measures it, where there is no figure."""
    if figure is None:
        return row(name, target, None, False, f"Measure it with: smolwatch evaluate {suite}")
    if figure.value is None:
        return row(name, target, None, False, figure.note)
    is_met = figure.value >= bound if more_is_better else figure.value <= bound
    return row(name, target, f"{short(figure.value)} {figure.unit}", is_met, figure.note)


def row(name: str, target: str, measured: str | None, is_met: bool, how: str) -> TargetRow:
    verdict = TargetVerdict.MET if is_met else TargetVerdict.MISSED
    if measured is None:
        verdict = TargetVerdict.NOT_MEASURED
    return TargetRow(name=name, target=target, measured=measured or "–", verdict=verdict, how=sentence(how))


def figure_of(results: Sequence[CaseResult], *names: str) -> Figure | None:
    """A figure of one of these names: the last one that has a value, else one that has the reason why not."""
    found = [
        replace(figure, note=joined([figure.note, BESIDE])) if result.is_shared else figure
        for result in results
        for figure in result.figures
        if figure.name in names
    ]
    return next((figure for figure in reversed(found) if figure.value is not None), found[-1] if found else None)


def loading_figure(results: Sequence[CaseResult]) -> Figure | None:
    """What a cold start takes: the longest measured time of loading."""
    found = [
        figure
        for result in results
        if LOADING_ROW in result.plan
        for figure in result.figures
        if figure.unit == "s" and figure.value is not None and "load" in figure.name
    ]
    return max(found, key=lambda figure: figure.value or 0.0, default=None)
