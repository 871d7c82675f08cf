"""A run's results as charts: quality by category, consistency, time by phase, memory, and the lines of measurements."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from daemon.evaluation.metrics.consistency import AGREEMENT_FORMULA, Consistency, consistencies
from daemon.evaluation.metrics.run_scores import TARGETS, Score, scores_by_category
from daemon.evaluation.report.page import Chart, ChartKind, Point, Series, sentence
from storage.evaluation.evaluation_records import CaseResult, Line

#: The scores that are drawn by category.
DRAWN = {"accuracy": "Factual accuracy", "instruction": "Instruction following", "coherence": "Coherence"}
#: In the order in which they happen; other phases are left out.
PHASES = ("decode", "preprocess", "vision", "prefill", "generate")
MEGABYTE = 1e6
INTERVALS = "Thin lines: 95 % intervals by resampling cases. Dashed: the plan's target."
SHARED = "Answers that were given while a daemon used the same device are left out."


def quality_charts(results: Sequence[CaseResult]) -> Iterator[Chart]:
    """Every score with its 95 % interval by category, and how much repeats agree."""
    by_category = scores_by_category(results)
    for name, title in DRAWN.items():
        found = {category: score for category, scores in by_category.items() for score in scores if score.name == name}
        points = tuple(point_of(category, score) for category, score in found.items() if score.interval is not None)
        if points:
            formula, unit = next((score.formula, score.unit) for score in found.values())
            yield Chart(
                title=f"{title} by category",
                kind=ChartKind.BARS,
                x_label="category",
                y_label=f"{title.lower()} ({'%' if unit == '%' else '1 to 10'})",
                series=(Series("", points),),
                measured=f"{sentence(formula)} {INTERVALS}",
                target=TARGETS[name],
            )
    if chart := consistency_chart(results):
        yield chart


def point_of(category: str, score: Score) -> Point:
    if score.interval is None:
        raise ValueError(category)
    return Point(category, score.interval.mean, score.interval.low, score.interval.high)


def consistency_chart(results: Sequence[CaseResult]) -> Chart | None:
    found = consistencies(results)
    if not found:
        return None
    points = tuple(Point(sampling_name(each), 100 * each.agreement) for each in found)
    spreads = "; ".join(
        f"{sampling_name(each)}: {each.cases} {'case' if each.cases == 1 else 'cases'}, {each.variance:.3f}"
        for each in found
    )
    return Chart(
        title="Consistency of repeats",
        kind=ChartKind.BARS,
        x_label="temperature",
        y_label="agreement (%)",
        series=(Series("", points),),
        measured=f"{sentence(AGREEMENT_FORMULA)} Variance of the scores, {spreads}.",
    )


def sampling_name(found: Consistency) -> str:
    if found.temperature == 0:
        return "greedy"
    return f"at {found.temperature:g}, {'one seed' if found.has_one_seed else 'several seeds'}"


def speed_charts(results: Sequence[CaseResult], measured: Sequence[CaseResult]) -> Iterator[Chart]:
    """`measured`: of the performance matrix."""
    if chart := phase_chart(results):
        yield chart
    if chart := memory_chart(results):
        yield chart
    for result in [*results, *(each for each in measured if each not in results)]:
        yield from line_charts(result)


def phase_chart(results: Sequence[CaseResult]) -> Chart | None:
    """The median seconds of each phase, by category."""
    seconds: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        for phase in PHASES:
            if phase in result.seconds and not result.is_shared and not result.error:
                seconds[result.category][phase].append(result.seconds[phase])
    if not seconds:
        return None
    series = tuple(
        Series(phase, tuple(Point(name, statistics.median(of[phase])) for name, of in seconds.items() if phase in of))
        for phase in PHASES
    )
    return Chart(
        title="Time by phase",
        kind=ChartKind.STACKED,
        x_label="category",
        y_label="seconds an answer",
        series=tuple(each for each in series if each.points),
        measured=f"Wall clock; the median of each phase over the category's answers. {SHARED}",
    )


def memory_chart(results: Sequence[CaseResult]) -> Chart | None:
    timed = [result for result in results if result.peak_memory_bytes]
    if len(timed) < 2:
        return None
    start = min(result.finished_at for result in timed)
    minutes = [(result.finished_at - start).total_seconds() / 60 for result in timed]
    process = (each.peak_memory_bytes / MEGABYTE for each in timed)
    series = [Series("process, peak so far", points(zip(minutes, process, strict=True)))]
    if any(result.device_memory_bytes for result in timed):
        device = (each.device_memory_bytes / MEGABYTE for each in timed)
        series.append(Series("GPU", points(zip(minutes, device, strict=True))))
    return Chart(
        title="Memory over the run",
        kind=ChartKind.LINES,
        x_label="minutes since the first answer",
        y_label="memory (MB)",
        series=tuple(series),
        measured="The process's largest resident memory so far, as the system counts it, after each answer.",
    )


def points(pairs: Iterable[tuple[float, float]]) -> tuple[Point, ...]:
    return tuple(Point(x, y) for x, y in pairs)


def line_charts(result: CaseResult) -> Iterator[Chart]:
    """The result's lines; those with the same axes in one chart."""
    for (x_label, y_label), several in groupby(result.lines, key=axes):
        lines = list(several)
        yield Chart(
            title=result.case.replace("-", " ").capitalize(),
            kind=ChartKind.LINES,
            x_label=x_label,
            y_label=y_label,
            series=tuple(Series(line.name, points(line.points)) for line in lines),
            measured=result.note or f"Measured by the case {result.suite}/{result.case}.",
        )


def axes(line: Line) -> tuple[str, str]:
    return line.x_label, line.y_label
