from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from cli.times import ago, both, duration, local_time, rate_per_minute, speed_text

NOW = datetime(2026, 11, 29, 13, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An hour ahead of UTC in November."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("back", "text"),
    [
        (timedelta(seconds=20), "20 s ago"),
        (timedelta(seconds=59.7), "1 min ago"),
        (timedelta(minutes=3), "3 min ago"),
        (timedelta(minutes=59), "59 min ago"),
        (timedelta(hours=1), "today 13:30"),
        (timedelta(hours=14), "today 00:30"),
        (timedelta(hours=15), "yesterday 23:30"),
        (timedelta(days=2), "27 Nov 14:30"),
        (timedelta(days=365), "29 Nov 2025 14:30"),
        (timedelta(minutes=-5), "in 5 min"),
        (timedelta(hours=-2), "today 16:30"),
    ],
)
def test_a_table_shows_relative_times_and_older_ones_in_local_time(back: timedelta, text: str) -> None:
    assert ago(NOW - back, NOW) == text


def test_a_list_of_facts_shows_local_times_with_seconds_or_both() -> None:
    moment = NOW - timedelta(minutes=3, seconds=7)
    assert local_time(moment, NOW, with_seconds=True) == "today 14:26:53"
    assert both(moment, NOW) == "today 14:26 (3 min ago)"
    assert both(NOW - timedelta(days=2), NOW) == "27 Nov 14:30"


def test_the_first_and_the_last_date_that_there_is_can_be_shown() -> None:
    assert local_time(datetime.max.replace(tzinfo=UTC), NOW) == "9999-12-31T23:59:59Z"
    assert "1" in local_time(datetime.min.replace(tzinfo=UTC), NOW)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (90, "2 min"),
        (3599, "1 h"),
        (7800, "2 h 10 min"),
        (86400, "1 day"),
        (9e5, "10 days"),
    ],
)
def test_durations_are_rounded_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_rate_is_known_from_two_ends_on() -> None:
    finishes = [NOW - timedelta(seconds=10 * number) for number in range(7)]
    assert rate_per_minute(finishes, NOW) == 6.0
    assert rate_per_minute(finishes[:1], NOW) is None
    assert rate_per_minute([NOW, NOW], NOW) is None


@pytest.mark.parametrize(
    ("per_minute", "left", "text"),
    [
        (750.4, 300, "750 files a minute · about 24 s left"),
        (1500.0, 1_000_000, "1,500 files a minute · about 11 h 7 min left"),
        (0.5, 3, "0.5 files a minute · about 6 min left"),
        (2.0, 0, "2.0 files a minute"),
        (None, 3, ""),
    ],
)
def test_a_speed_is_files_a_minute_and_the_time_left(per_minute: float | None, left: int, text: str) -> None:
    assert speed_text(per_minute, left) == text
