"""Charts as SVG, for a light and a dark page. The only user of matplotlib, without its global state."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from config.safe_text import safe_text
from daemon.evaluation.report.page import Chart, ChartKind, Series, short

#: In inches: 400 CSS pixels, so that the text of a chart has its size on a telephone too.
WIDTH, HEIGHT, ROW_HEIGHT, FRAME_HEIGHT = 4.17, 2.75, 0.27, 1.25
#: The longest label of a bar and of an axis, and a row of the legend, in characters; the most labels below columns.
LONGEST_LABEL, LONGEST_AXIS, ROW_LETTERS, MOST_TICKS = 22, 40, 70, 6
NOT_IN_XML = re.compile("[\ufffe\uffff]")
RC: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text, in the reader's own font
    "svg.hashsalt": "smolwatch",  # equal charts are equal files
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "font.family": "sans-serif",
    "font.sans-serif": ["system-ui", "Helvetica", "Arial", "DejaVu Sans"],
    "font.size": 8.5,
}


@dataclass(frozen=True)
class Theme:
    ink: str
    faint: str
    colours: tuple[str, ...]


LIGHT = Theme("#2b3038", "#d9d6cd", ("#0f6e84", "#d98324", "#7a5aa6", "#3f8f4f", "#b8434e", "#7d858f"))
DARK = Theme("#d5dae1", "#39414d", ("#4fb6cc", "#f0a652", "#b69be0", "#7cc98a", "#ee8a90", "#9aa3af"))


def svg_of(chart: Chart, theme: Theme) -> bytes:
    """The same chart gives the same bytes."""
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(WIDTH, height_of(chart)), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        DRAWN[chart.kind](axes, chart, theme)
        dress(axes, chart, theme)
        add_legend(figure, axes, chart, theme)
        whole = io.BytesIO()
        figure.savefig(whole, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        return whole.getvalue()


def height_of(chart: Chart) -> float:
    """Bars lie below each other, so that long names can be read."""
    if chart.kind not in (ChartKind.BARS, ChartKind.STACKED):
        return HEIGHT
    bars = len(labels_of(chart)) * (len(chart.series) if chart.kind is ChartKind.BARS else 1)
    return FRAME_HEIGHT + ROW_HEIGHT * max(2, bars)


def labels_of(chart: Chart) -> list[str]:
    return list(dict.fromkeys(str(point.x) for series in chart.series for point in series.points))


def draw_bars(axes: Axes, chart: Chart, theme: Theme) -> None:
    labels, count = labels_of(chart), len(chart.series)
    for number, series in enumerate(chart.series):
        for point in series.points:
            place = labels.index(str(point.x)) + (number - (count - 1) / 2) * 0.8 / count
            has_interval = point.low is not None and point.high is not None
            axes.barh(
                place, point.y, height=0.62 / count, color=theme.colours[number], alpha=0.6 if has_interval else 1
            )
            end = point.y
            if point.low is not None and point.high is not None:
                axes.plot(
                    [point.low, point.high], [place, place], color=theme.ink, linewidth=1.1, marker="|", markersize=5
                )
                end = max(end, point.high)
            axes.annotate(
                short(point.y), (end, place), xytext=(4, 0), textcoords="offset points", va="center",
                fontsize=7.5, color=theme.ink,
            )  # fmt: skip
        axes.plot([], [], color=theme.colours[number], linewidth=5, label=shown(series.name))
    name_bars(axes, labels)
    if chart.target is not None:
        axes.axvline(chart.target, color=theme.ink, linestyle=(0, (4, 3)), linewidth=0.9)
    low, high = axes.get_xlim()
    axes.set_xlim(min(0.0, low), high * 1.12)


def draw_stacked(axes: Axes, chart: Chart, theme: Theme) -> None:
    labels = labels_of(chart)
    ends = dict.fromkeys(labels, 0.0)
    for number, series in enumerate(chart.series):
        for point in series.points:
            label = str(point.x)
            axes.barh(labels.index(label), point.y, left=ends[label], height=0.62, color=theme.colours[number])
            ends[label] += point.y
        axes.plot([], [], color=theme.colours[number], linewidth=5, label=shown(series.name))
    for place, label in enumerate(labels):
        axes.annotate(
            short(ends[label]), (ends[label], place), xytext=(4, 0), textcoords="offset points", va="center",
            fontsize=7.5, color=theme.ink,
        )  # fmt: skip
    name_bars(axes, labels)
    axes.set_xlim(0, max(ends.values()) * 1.15 or 1.0)


def name_bars(axes: Axes, labels: list[str]) -> None:
    axes.set_yticks(range(len(labels)), [shown(label) for label in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)


def draw_lines(axes: Axes, chart: Chart, theme: Theme) -> None:
    for number, series in enumerate(chart.series):
        colour = theme.colours[number % len(theme.colours)]
        marker = "o" if len(series.points) <= 30 else None
        x, y = [float(point.x) for point in series.points], [point.y for point in series.points]
        axes.plot(x, y, color=colour, linewidth=1.6, marker=marker, markersize=3.2, label=shown(series.name))
    low, high = axes.get_ylim()
    axes.set_ylim(0 if low >= 0 else low, high * 1.05)


def draw_columns(axes: Axes, chart: Chart, theme: Theme) -> None:
    labels = labels_of(chart)
    ends = [0.0] * len(labels)
    for number, series in enumerate(chart.series):
        heights = heights_of(series, labels)
        axes.bar(
            range(len(labels)), heights, bottom=ends, width=0.8, color=theme.colours[number], label=shown(series.name)
        )
        ends = [end + height for end, height in zip(ends, heights, strict=True)]
    step = max(1, -(-len(labels) // MOST_TICKS))
    axes.set_xticks(range(len(labels) - 1, -1, -step), [shown(label) for label in labels[::-step]])


def heights_of(series: Series, labels: list[str]) -> list[float]:
    found = {str(point.x): point.y for point in series.points}
    return [found.get(label, 0.0) for label in labels]


DRAWN: dict[ChartKind, Callable[[Axes, Chart, Theme], None]] = {
    ChartKind.BARS: draw_bars,
    ChartKind.STACKED: draw_stacked,
    ChartKind.LINES: draw_lines,
    ChartKind.COLUMNS: draw_columns,
}


def dress(axes: Axes, chart: Chart, theme: Theme) -> None:
    """Axes with labels, and a grid across the values."""
    across = chart.kind in (ChartKind.BARS, ChartKind.STACKED)
    axes.set_xlabel(shown(chart.y_label if across else chart.x_label, LONGEST_AXIS), color=theme.ink)
    axes.set_ylabel(shown("" if across else chart.y_label, LONGEST_AXIS), color=theme.ink)
    axes.grid(axis="x" if across else "y", color=theme.faint, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=theme.ink, length=0, pad=4)
    for side, spine in axes.spines.items():
        spine.set_visible(side == ("left" if across else "bottom"))
        spine.set_color(theme.faint)


def add_legend(figure: Figure, axes: Axes, chart: Chart, theme: Theme) -> None:
    """Above the axes, where there are several series; as many names in a row as fit."""
    if len(chart.series) < 2:
        return
    longest = max(len(series.name) for series in chart.series)
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside upper left", ncols=max(1, ROW_LETTERS // (longest + 4)),
        frameon=False, labelcolor=theme.ink, handlelength=0.9, columnspacing=1.0, handletextpad=0.5, fontsize=8,
    )  # fmt: skip


def shown(text: str, longest: int = LONGEST_LABEL) -> str:
    """A label from anywhere, short and without what XML cannot hold."""
    safe = NOT_IN_XML.sub("", safe_text(text))
    return safe if len(safe) <= longest else f"{safe[: longest - 1]}…"
