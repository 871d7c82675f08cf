"""The report as frozen values, which the HTML and the Markdown page both show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

#: Rows of a chart's table.
MOST_ROWS = 50


class ChartKind(StrEnum):
    BARS = "bars"  #: one bar for each label, from left to right in length, with its interval
    STACKED = "stacked"  #: one bar for each label, whose parts are the series
    LINES = "lines"  #: points (x, y), joined
    COLUMNS = "columns"  #: one column for each label, stacked by series


@dataclass(frozen=True)
class Point:
    """`x` is a number in a chart of LINES, else a label. `low` and `high`: the interval around `y`, where known."""

    x: float | str
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Series:
    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """`x_label` and `y_label` have their units. `measured`: how. `target`: a value of y to compare with."""

    title: str
    kind: ChartKind
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    measured: str
    target: float | None = None

    @property
    def table(self) -> Table:
        """The same figures, for those who read them better so; of long lines every few points."""
        labels = list(dict.fromkeys(point.x for series in self.series for point in series.points))
        step = -(-len(labels) // MOST_ROWS)
        found = {(series.name, point.x): point for series in self.series for point in series.points}
        rows = [
            (short(label), *(cell(found.get((series.name, label))) for series in self.series))
            for label in labels[:: step or 1]
        ]
        names = [series.name or self.y_label for series in self.series]
        notes = [f"In {self.y_label}." if len(names) > 1 else "", f"One point of {step}." if step > 1 else ""]
        return Table((self.x_label, *names), tuple(rows), joined(notes))


@dataclass(frozen=True)
class Table:
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One of the figures at the top. `verdict`: "met", "missed" or "" for one without a target."""

    label: str
    value: str
    note: str
    verdict: str = ""


class TargetVerdict(StrEnum):
    MET = "met"
    MISSED = "missed"
    NOT_MEASURED = "not measured here"


@dataclass(frozen=True, kw_only=True)
class TargetRow:
    name: str
    target: str
    measured: str
    verdict: TargetVerdict
    how: str


@dataclass(frozen=True, kw_only=True)
class CheckView:
    passed: bool
    expected: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class CaseView:
    """One case of a run, all repeats together. `verdict`: "passed", "partly", "failed", "error" or "measured"."""

    suite: str
    name: str
    inputs: tuple[str, ...]
    question: str
    answers: tuple[str, ...]
    verdict: str
    score: str
    reason: str
    checks: tuple[CheckView, ...]
    figures: Table | None
    notes: tuple[str, ...]
    thumbnail: str  #: a data: URI, or empty


@dataclass(frozen=True, kw_only=True)
class SuiteView:
    name: str
    summary: str
    cases: tuple[CaseView, ...]


@dataclass(frozen=True, kw_only=True)
class ComparisonView:
    """Against an earlier run. `certain`: the scores over all cases, and those that surely changed."""

    title: str
    summary: str
    certain: Table
    categories: Table
    changed: Table | None


@dataclass(frozen=True, kw_only=True)
class HistoryView:
    """What the daemon did. `summary`: over which time."""

    summary: str
    charts: tuple[Chart, ...]
    tables: tuple[tuple[str, Table], ...]


@dataclass(frozen=True, kw_only=True)
class Page:
    title: str
    subtitle: str
    written: str
    notices: tuple[str, ...]
    tiles: tuple[Tile, ...]
    facts: tuple[tuple[str, str], ...]
    targets: tuple[TargetRow, ...]
    quality: tuple[Chart, ...]
    speed: tuple[Chart, ...]
    matrix: tuple[tuple[str, Table], ...]
    comparison: ComparisonView | None
    history: HistoryView | None
    suites: tuple[SuiteView, ...]


def cell(point: Point | None) -> str:
    if point is None:
        return ""
    interval = "" if point.low is None or point.high is None else f" ({short(point.low)} to {short(point.high)})"
    return short(point.y) + interval


def short(value: float | str) -> str:
    """Three digits are enough for a reader."""
    if isinstance(value, str):
        return value
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def sentence(text: str) -> str:
    """With a capital and a full stop, unless it has them."""
    return f"{capital(text)}{'' if not text or text[-1] in '.!?' else '.'}"


def capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def joined(parts: Sequence[str]) -> str:
    return " · ".join(filter(None, parts))
