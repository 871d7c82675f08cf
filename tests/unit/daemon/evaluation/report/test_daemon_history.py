from __future__ import annotations

from datetime import timedelta

from daemon.evaluation.report.daemon_history import DAYS, history_view
from storage.jobs.past_work import Described
from tests.support.reports import NOW

FILE = Described(
    at=NOW - timedelta(hours=1),
    kind="image",
    seconds={"queued": 5.0, "vision": 1.0, "total": 2.0},
    verdict="ok",
    power="mains",
    launched_by="launchd",
)


def test_without_any_work_there_is_no_history() -> None:
    assert history_view([], {}, NOW) is None


def test_files_are_counted_by_day_and_kind() -> None:
    yesterday = FILE._replace(at=NOW - timedelta(days=1))
    view = history_view([FILE, FILE, yesterday, FILE._replace(kind="video")], {}, NOW)
    assert view is not None
    days = view.charts[0]
    assert [series.name for series in days.series] == ["images", "videos"]
    images = [point.y for point in days.series[0].points]
    assert len(images) == DAYS
    assert images[-2:] == [1, 2] and sum(images) == 3


def test_latency_has_percentiles_by_kind() -> None:
    files = [FILE._replace(seconds={"total": float(number)}) for number in range(1, 102)]
    view = history_view(files, {}, NOW)
    assert view is not None
    assert [(series.name, series.points[0].y) for series in view.charts[1].series] == [
        ("median", 51.0),
        ("90 %", 91.0),
        ("99 %", 100.0),
    ]


def test_failures_suspects_power_and_start_are_told() -> None:
    suspect = FILE._replace(verdict="suspect", power=None, launched_by="terminal")
    view = history_view([FILE, FILE, FILE, suspect], {("input", "damaged"): 2, ("", ""): 1}, NOW)
    assert view is not None
    assert view.summary.startswith(
        "The last 30 days: 4 files described, 3 failed. 25.0 % of the descriptions are suspect."
    )
    tables = dict(view.tables)
    assert tables["Failures by cause"].rows == (("input", "damaged", "2"), ("unknown", "unknown", "1"))
    assert tables["By power and start"].rows == (
        ("mains", "launchd", "3", "2", "0.0 %"),
        ("unknown", "terminal", "1", "2", "100.0 %"),
    )
    assert tables["Seconds by phase"].rows[0][:2] == ("queued", "5")


def test_failures_alone_are_a_history() -> None:
    view = history_view([], {("input", "damaged"): 2}, NOW)
    assert view is not None and view.charts == ()
