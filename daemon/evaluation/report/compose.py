"""Puts the page together from stored runs, their results and the daemon's history. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from daemon.evaluation.metrics.comparison import compare
from daemon.evaluation.metrics.run_scores import scores_of
from daemon.evaluation.report.case_views import figure_table, suite_views
from daemon.evaluation.report.charts import quality_charts, speed_charts
from daemon.evaluation.report.page import (
    HistoryView,
    Page,
    Table,
    TargetRow,
    TargetVerdict,
    Tile,
    joined,
    short,
)
from daemon.evaluation.report.regressions import comparison_view
from daemon.evaluation.report.run_choice import MEASURING
from daemon.evaluation.report.targets import QUALITY, target_rows, unit_text
from storage.evaluation.evaluation_records import CaseResult, EvaluationRun

#: The model that was trained on drawn shapes alone.
DEMO = "demo"
#: Facts in which two runs on one machine agree.
SAME_MACHINE = ("system", "cpu", "device")
SHARED = "A daemon used the same device during the run: times that were taken meanwhile are not comparable."


@dataclass(frozen=True)
class MeasuredRun:
    run: EvaluationRun
    results: tuple[CaseResult, ...]


@dataclass(frozen=True, kw_only=True)
class ReportInput:
    """`subject`: the evaluation, or the performance matrix where there is no other. `measured`: the matrix."""

    subject: MeasuredRun
    measured: tuple[MeasuredRun, ...]
    earlier: MeasuredRun | None
    history: HistoryView | None
    now: datetime


def page_of(given: ReportInput) -> Page:
    run, results = given.subject.run, given.subject.results
    matrix = [
        result
        for each in (given.subject, *(each for each in given.measured if each.run.id != run.id))
        for result in each.results
        if result.suite in MEASURING
    ]
    targets = target_rows(run, results, matrix)
    cases = [result for result in results if result.suite not in MEASURING]
    return Page(
        title=f"How well {run.model_id} does",
        subtitle=joined(
            [f"Run {run.id}", f"{run.started_at:%Y-%m-%d %H:%M} UTC", ", ".join(run.suites), f"{run.finished} results"]
        ),
        written=f"{given.now:%Y-%m-%d %H:%M} UTC",
        notices=tuple(notices(given)),
        tiles=tuple(tiles(results, targets)),
        facts=tuple(facts(given)),
        targets=tuple(targets),
        quality=tuple(quality_charts(cases)),
        speed=tuple(speed_charts(cases, matrix)),
        matrix=tuple(matrix_tables(matrix)),
        comparison=None
        if given.earlier is None
        else comparison_view(compare(given.earlier.run, given.earlier.results, run, results), run, given.earlier.run),
        history=given.history,
        suites=tuple(suite_views(cases)),
    )


def notices(given: ReportInput) -> Iterator[str]:
    """What a reader must know before any figure."""
    run = given.subject.run
    if run.finished < run.planned:
        yield (
            f"The run is not complete: {run.finished} of {run.planned} results. "
            f"Continue it with: smolwatch evaluate --resume {run.id}"
        )
    if run.is_shared:
        yield SHARED
    if DEMO in run.model_id:
        yield "This is the small demo model, trained on drawn shapes and nothing else; the targets are for SmolVLM2."
    for other in (each.run for each in given.measured):
        if other.weights_digest != run.weights_digest:
            yield f"Run {other.id} of the performance matrix had other weights: {other.model_id}."
        if any(other.machine.get(fact) != run.machine.get(fact) for fact in SAME_MACHINE):
            yield f"Run {other.id} of the performance matrix was made on another machine or device."


def tiles(results: Sequence[CaseResult], targets: Sequence[TargetRow]) -> Iterator[Tile]:
    """The figures at the top: the targets that were met, and the four scores of the plan."""
    measured = [row for row in targets if row.verdict is not TargetVerdict.NOT_MEASURED]
    met = sum(row.verdict is TargetVerdict.MET for row in measured)
    unmeasured = len(targets) - len(measured)
    yield Tile(label="Targets met", value=f"{met} of {len(measured)}", note=f"{unmeasured} not measured here")
    verdicts = {row.name: str(row.verdict) for row in targets}
    for score in scores_of(results):
        if score.name in QUALITY and score.interval is not None:
            found = score.interval
            yield Tile(
                label=QUALITY[score.name],
                value=f"{short(found.mean)}{unit_text(score)}",
                note=f"95 %: {short(found.low)} to {short(found.high)} · {found.count} cases",
                verdict=verdicts[QUALITY[score.name]],
            )


def facts(given: ReportInput) -> Iterator[tuple[str, str]]:
    """The machine, the libraries, the model and how it was asked."""
    run = given.subject.run
    yield "Model", joined([run.model_id, f"revision {run.revision}"])
    yield "Weights", f"digest {run.weights_digest}"
    yield "Engine", joined([run.engine, run.device, run.dtype, f"precision {run.precision}", f"detail {run.detail}"])
    machine = run.machine
    memory = machine.get("memory_bytes")
    yield (
        "Machine",
        joined(
            [
                str(machine.get("cpu", "")),
                str(machine.get("system", "")),
                f"{machine['cores']} cores" if "cores" in machine else "",
                f"{machine['threads']} threads" if "threads" in machine else "",
                f"{memory / 1e9:.1f} GB memory" if isinstance(memory, int | float) else "",
            ]
        ),
    )
    if device := machine.get("device"):
        yield "Device", str(device)
    libraries = run.libraries or nested(machine.get("libraries"))
    python = f"Python {machine['python']}" if "python" in machine else ""
    yield "Libraries", joined([python, *(f"{name} {version}" for name, version in libraries.items())])
    yield "smolwatch", run.smolwatch
    options = [
        f"suites digest {run.suites_digest}",
        f"{run.repeat} repeats" if run.repeat > 1 else "",
        f"at most {run.limit} cases a suite" if run.limit else "",
        f"seed {run.seed}",
        f"folder {run.folder}" if run.folder else "",
    ]
    yield "Asked", joined(options)
    if run.ended_at is not None:
        minutes = (run.ended_at - run.started_at).total_seconds() / 60
        yield "Took", f"{minutes:.1f} minutes, from start to end"


def nested(found: object) -> Mapping[str, object]:
    return found if isinstance(found, Mapping) else {}


def matrix_tables(results: Sequence[CaseResult]) -> Iterator[tuple[str, Table]]:
    """One table for each row of the performance matrix."""
    for result in results:
        table = figure_table(result.figures)
        if table is not None:
            beside = " (beside a daemon: not comparable)" if result.is_shared else ""
            yield f"{result.case.replace('-', ' ').capitalize()}{beside}", table
