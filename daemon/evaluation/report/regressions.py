"""A run against an earlier one, to read: what became worse, with intervals, and which cases changed."""

from __future__ import annotations

from daemon.evaluation.metrics.comparison import Change, Comparison
from daemon.evaluation.report.page import ComparisonView, Table, short
from storage.evaluation.evaluation_records import EvaluationRun

COLUMNS = ("category", "score", "earlier", "now", "difference (95 % interval)", "verdict")
CERTAIN = "A change is certain where the interval of the difference excludes 0: the same cases, resampled in pairs."
ALL = "all"
#: Changed cases that are shown; the worst first.
MOST_CHANGED = 60


def comparison_view(comparison: Comparison, run: EvaluationRun, earlier: EvaluationRun) -> ComparisonView:
    worse = len(comparison.regressions)
    better = sum(change.is_improvement for change in comparison.changes)
    verdict = "Nothing became worse." if not worse else f"{worse} scores became worse."
    unmatched = [
        f"{count} {plural(count)} only in run {id}."
        for count, id in ((comparison.only_now, run.id), (comparison.only_earlier, earlier.id))
        if count
    ]
    different = "; ".join(comparison.differences) or "nothing that is recorded"
    return ComparisonView(
        title=f"Against run {earlier.id} of {earlier.started_at:%Y-%m-%d %H:%M} UTC",
        summary=" ".join(
            [
                verdict,
                f"{better} became better." if better else "",
                f"Between the runs differs: {different}.",
                *unmatched,
            ]
        ).replace("  ", " "),
        certain=Table(
            COLUMNS,
            tuple(
                change_row(change)
                for change in comparison.changes
                if not change.category or change.is_regression or change.is_improvement
            ),
            CERTAIN,
        ),
        categories=Table(COLUMNS, tuple(map(change_row, comparison.changes))),
        changed=changed_table(comparison),
    )


def change_row(change: Change) -> tuple[str, ...]:
    unit = " %" if change.unit == "%" else "/10"
    interval = change.interval
    verdict = "worse" if change.is_regression else "better" if change.is_improvement else "no certain change"
    return (
        change.category or ALL,
        change.measure,
        f"{short(change.earlier)}{unit}",
        f"{short(change.now)}{unit}",
        f"{signed(interval.mean)} ({signed(interval.low)} to {signed(interval.high)})",
        verdict,
    )


def signed(value: float) -> str:
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{short(abs(value))}"


def changed_table(comparison: Comparison) -> Table | None:
    changed = sorted(comparison.cases, key=lambda case: case.score - case.earlier_score)
    rows = tuple(
        (
            f"{case.suite}/{case.case}",
            f"{100 * case.earlier_score:.0f} % → {100 * case.score:.0f} %",
            case.earlier_answer,
            case.answer,
        )
        for case in changed[:MOST_CHANGED]
    )
    more = len(changed) - len(rows)
    note = f"{more} more cases changed." if more else ""
    return Table(("case", "score", "earlier answer", "answer now"), rows, note) if rows else None


def plural(count: int) -> str:
    return "case" if count == 1 else "cases"
