from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from daemon.evaluation.report.page import Chart, ChartKind, Point, Series
from daemon.evaluation.report.plots import DARK, LIGHT, shown, svg_of
from tests.support.reports import HOSTILE

SERIES = (Series("one", (Point("a", 3.0, 2.0, 3.5), Point("b", 5.0))), Series("two", (Point("a", 1.0),)))
NUMBERED = (Series("one", (Point(0.0, 3.0), Point(2.0, 5.0))), Series("two", (Point(1.0, 1.0),)))


def chart(kind: ChartKind, series: tuple[Series, ...] | None = None, label: str = "category") -> Chart:
    found = series or (NUMBERED if kind is ChartKind.LINES else SERIES)
    return Chart(
        title="A", kind=kind, x_label=label, y_label="seconds an answer", series=found, measured="", target=4.0
    )


def words(svg: bytes) -> str:
    return " ".join(
        "".join(node.itertext()) for node in ElementTree.fromstring(svg).iter() if node.tag.endswith("text")
    )


@pytest.mark.parametrize("kind", ChartKind)
def test_every_kind_of_chart_has_its_labels_with_units_and_its_series(kind: ChartKind) -> None:
    found = words(svg_of(chart(kind), LIGHT))
    assert "seconds an answer" in found
    assert "one" in found and "two" in found


def test_equal_charts_are_equal_files_and_a_dark_page_has_other_colours() -> None:
    one, other = svg_of(chart(ChartKind.BARS), LIGHT), svg_of(chart(ChartKind.BARS), LIGHT)
    assert one == other
    assert LIGHT.ink.encode() in one and DARK.ink.encode() not in one
    assert DARK.ink.encode() in svg_of(chart(ChartKind.BARS), DARK)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("kind", [ChartKind.STACKED, ChartKind.LINES])
def test_hostile_labels_are_words_of_a_whole_file(kind: ChartKind, text: str) -> None:
    point = Point(0.0, 1.0) if kind is ChartKind.LINES else Point(text, 1.0)
    svg = svg_of(chart(kind, (Series(text, (point,)), Series("b", (point,))), label=text), LIGHT)
    tags = {node.tag.rpartition("}")[2] for node in ElementTree.fromstring(svg).iter()}
    assert not tags & {"script", "img", "image", "foreignObject"}
    assert not re.search(rb"<[^>]+ on\w+=|href=\"http", svg)


def test_a_chart_of_zeros_can_be_drawn() -> None:
    assert svg_of(chart(ChartKind.STACKED, (Series("", (Point("a", 0.0),)),)), LIGHT)


def test_long_labels_are_cut() -> None:
    assert shown("x" * 50) == "x" * 21 + "…"
