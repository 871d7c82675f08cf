from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from daemon.evaluation.report.charts import quality_charts, speed_charts
from daemon.evaluation.report.page import Chart, Point
from storage.evaluation.evaluation_records import CaseResult, Line
from tests.support.reports import answered, loading, results_of, stress


def speed(results: list[CaseResult], measured: list[CaseResult] | None = None) -> dict[str, Chart]:
    return {chart.title: chart for chart in speed_charts(results, measured or [])}


def test_without_results_there_are_no_charts() -> None:
    assert list(quality_charts([])) == []
    assert speed([]) == {}


def test_accuracy_has_a_bar_with_its_interval_for_each_category() -> None:
    charts = {chart.title: chart for chart in quality_charts(results_of(40, wrong=0.5))}
    chart = charts["Factual accuracy by category"]
    (series,) = chart.series
    assert [point.x for point in series.points] == ["text", "image", "video", "multi-image"]
    for point in series.points:
        assert point.low is not None and point.high is not None
        assert 0 <= point.low <= point.y <= point.high <= 100
    assert (chart.target, chart.y_label) == (80.0, "factual accuracy (%)")


def test_repeats_that_agree_are_consistent() -> None:
    charts = {chart.title: chart for chart in quality_charts([answered(1), answered(1, repeat=1)])}
    assert charts["Consistency of repeats"].series[0].points == (Point("greedy", 100.0),)
    assert "Consistency of repeats" not in {chart.title for chart in quality_charts([answered(1)])}


def test_time_by_phase_is_a_median_without_shared_answers() -> None:
    results = [replace(answered(1), seconds={"vision": seconds, "total": seconds}) for seconds in (1.0, 2.0, 9.0)]
    results.append(replace(answered(1), seconds={"vision": 99.0, "total": 99.0}, is_shared=True))
    (series,) = speed(results)["Time by phase"].series
    assert (series.name, series.points) == ("vision", (Point("image", 2.0),))


def test_memory_is_drawn_over_the_minutes_of_the_run() -> None:
    early = answered(0)
    late = replace(early, finished_at=early.finished_at + timedelta(minutes=3), peak_memory_bytes=900_000_000)
    (series,) = speed([early, late])["Memory over the run"].series
    assert [point.x for point in series.points] == [0.0, 3.0]
    assert series.points[1].y == 900.0


def test_lines_with_the_same_axes_share_a_chart() -> None:
    lines = tuple(
        Line(name=name, x_label="megapixels", y_label="seconds a picture", points=((0.1, 1.0), (2.0, 3.0)))
        for name in ("median", "least", "most")
    )
    found = speed([stress()], [replace(loading(), case="image-by-size", lines=lines)])
    assert [series.name for series in found["Image by size"].series] == ["median", "least", "most"]
    assert found["Flat memory"].measured.startswith("Resident memory")


def test_a_chart_is_a_table_too() -> None:
    chart = speed([answered(1)])["Time by phase"]
    assert chart.table.columns == ("category", "decode", "preprocess", "vision", "prefill", "generate")
    assert chart.table.rows[0][0] == "image"
    assert chart.table.rows[0][3] == "0.35"


def test_the_table_of_a_long_line_has_every_few_points() -> None:
    (chart,) = speed([stress()]).values()
    assert len(chart.series[0].points) == 101
    assert [row[0] for row in chart.table.rows[:2]] == ["0", "300"]
    assert chart.table.note == "One point of 3."
