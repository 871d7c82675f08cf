"""Moments, durations and rates for people: relative or local. Programs get ISO 8601 in UTC. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from storage.json_values import iso_utc

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def utc_now() -> datetime:
    return datetime.now(UTC)


def of_seconds(seconds: float) -> datetime:
    """Seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def ago(moment: datetime, now: datetime) -> str:
    """For tables: "20 s ago", "3 min ago", "today 09:12", "28 Nov 20:17"; "in 5 min" for what is still to come."""
    seconds = (now - moment).total_seconds()
    if 0 <= seconds < HOUR:
        return f"{duration(seconds)} ago"
    if -HOUR < seconds < 0:
        return f"in {duration(-seconds)}"
    return local_time(moment, now)


def local_time(moment: datetime, now: datetime, *, with_seconds: bool = False) -> str:
    """In this machine's time zone: "today 14:05", "yesterday 14:05", "28 Nov 20:17", "28 Nov 2025 20:17"."""
    try:
        here, today = moment.astimezone(), now.astimezone().date()
    except (OverflowError, ValueError, OSError):  # a file's date may be the first or last that there is
        return iso_utc(moment)
    if here.date() == today:
        day = "today"
    elif here.date() == today - timedelta(days=1):
        day = "yesterday"
    else:
        day = f"{here.day} {here:%b}" + ("" if here.year == today.year else f" {here.year}")
    return f"{day} {here:%H:%M:%S}" if with_seconds else f"{day} {here:%H:%M}"


def both(moment: datetime, now: datetime) -> str:
    """ "today 14:05 (3 min ago)"; without the second half where that says the same."""
    local, relative = local_time(moment, now), ago(moment, now)
    return local if local == relative else f"{local} ({relative})"


def duration(seconds: float) -> str:
    """ "20 s", "3 min", "2 h 10 min", "3 days"."""
    if seconds < MINUTE:
        return f"{seconds:.0f} s" if seconds < MINUTE - 0.5 else "1 min"
    if seconds < HOUR - MINUTE / 2:
        return f"{seconds / MINUTE:.0f} min"
    if seconds < DAY:
        hours, minutes = divmod(round(seconds / MINUTE), 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days = round(seconds / DAY)
    return "1 day" if days == 1 else f"{days:,} days"


def rate_per_minute(finishes: Sequence[datetime], now: datetime) -> float | None:
    """Files a minute, from the moments of the latest ends, newest first. None: too few to tell."""
    if len(finishes) < 2:
        return None
    seconds = (now - finishes[-1]).total_seconds()
    return (len(finishes) - 1) * MINUTE / seconds if seconds >= 1 else None


def speed_text(per_minute: float | None, left: int) -> str:
    """ "38 files a minute · about 7 min left", as far as it is known."""
    if not per_minute:
        return ""
    count = f"{per_minute:,.0f}" if per_minute >= 10 else f"{per_minute:.1f}"
    return f"{count} files a minute" + (f" · about {duration(left * MINUTE / per_minute)} left" if left else "")
