"""What the daemon did lately, from the descriptions' own figures: files a day, times, failures, power."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from daemon.evaluation.report.charts import PHASES
from daemon.evaluation.report.page import Chart, ChartKind, HistoryView, Point, Series, Table, short
from storage.jobs.past_work import Described

#: Days that are shown, and the most descriptions that are read for them.
DAYS = 30
MOST_DESCRIPTIONS = 20_000
PERCENTILES = (50, 90, 99)
UNKNOWN = "unknown"


def history_view(
    described: Sequence[Described], failures: Mapping[tuple[str, str], int], now: datetime
) -> HistoryView | None:
    """`described`: newest first. None where nothing was described and nothing failed."""
    if not described and not failures:
        return None
    suspect = sum(each.verdict != "ok" for each in described)
    share = f"{100 * suspect / len(described):.1f} % of the descriptions are suspect. " if described else ""
    cut = f"Only the newest {MOST_DESCRIPTIONS:,} count. " if len(described) >= MOST_DESCRIPTIONS else ""
    return HistoryView(
        summary=(
            f"The last {DAYS} days: {len(described):,} files described, {sum(failures.values()):,} failed. {share}{cut}"
            "Times are the records' own, by the wall clock of this machine."
        ),
        charts=tuple(filter(None, (days_chart(described, now), latency_chart(described)))),
        tables=tuple(tables(described, failures)),
    )


def days_chart(described: Sequence[Described], now: datetime) -> Chart | None:
    if not described:
        return None
    days = [(now - timedelta(days=back)).date() for back in range(DAYS - 1, -1, -1)]
    series = []
    for kind in sorted({str(each.kind) for each in described}):
        counts = Counter(each.at.date() for each in described if each.kind == kind)
        series.append(Series(f"{kind}s", tuple(Point(f"{day:%m-%d}", counts[day]) for day in days)))
    return Chart(
        title="Files a day",
        kind=ChartKind.COLUMNS,
        x_label="day (UTC)",
        y_label="files described",
        series=tuple(series),
        measured="Counted in the database, by the time at which a file was described.",
    )


def latency_chart(described: Sequence[Described]) -> Chart | None:
    series = []
    for percentile in PERCENTILES:
        points = tuple(
            Point(f"{kind}s", float(np.percentile(values, percentile)))
            for kind, values in totals(described).items()
        )  # fmt: skip
        series.append(Series(percentile_name(percentile), points))
    if not series[0].points:
        return None
    return Chart(
        title="Seconds a file",
        kind=ChartKind.BARS,
        x_label="kind",
        y_label="seconds a file",
        series=tuple(series),
        measured="From opening the file to its description: the median, and what 90 % and 99 % stay below.",
    )


def percentile_name(percentile: int) -> str:
    return "median" if percentile == 50 else f"{percentile} %"


def totals(described: Sequence[Described]) -> dict[str, list[float]]:
    kinds = sorted({str(each.kind) for each in described if "total" in each.seconds})
    return {kind: [each.seconds["total"] for each in described if each.kind == kind] for kind in kinds}


def tables(described: Sequence[Described], failures: Mapping[tuple[str, str], int]) -> list[tuple[str, Table]]:
    found = []
    if failures:
        most = sorted(failures.items(), key=lambda item: -item[1])
        rows = tuple((cause or UNKNOWN, code or UNKNOWN, f"{count:,}") for (cause, code), count in most)
        found.append(("Failures by cause", Table(("cause", "reason", "files"), rows)))
    if described:
        columns = ("power", "started by", "files", "median seconds a file", "suspect")
        found.append(("By power and start", Table(columns, tuple(context_rows(described)))))
        found.append(("Seconds by phase", phase_table(described)))
    return found


def context_rows(described: Sequence[Described]) -> list[tuple[str, ...]]:
    contexts = Counter((each.power or UNKNOWN, each.launched_by) for each in described)
    rows: list[tuple[str, ...]] = []
    for (power, launched_by), count in contexts.most_common():
        several = [each for each in described if (each.power or UNKNOWN, each.launched_by) == (power, launched_by)]
        seconds = [each.seconds["total"] for each in several if "total" in each.seconds]
        suspect = sum(each.verdict != "ok" for each in several)
        median = short(float(np.median(seconds))) if seconds else "–"
        rows.append((power, launched_by, f"{count:,}", median, f"{100 * suspect / count:.1f} %"))
    return rows


def phase_table(described: Sequence[Described]) -> Table:
    rows = []
    for phase in ("queued", *PHASES, "total"):
        values = [each.seconds[phase] for each in described if phase in each.seconds]
        if values:
            rows.append((phase, *(short(float(np.percentile(values, each))) for each in PERCENTILES)))
    return Table(("phase", *(f"{percentile_name(each)} (s)" for each in PERCENTILES)), tuple(rows))
