"""Names, moments and optional fields as the plain values of JSON. Pure."""

from __future__ import annotations

import base64
import math
import os
from datetime import UTC, datetime
from typing import Any


def name_fields(key: str, name: bytes) -> dict[str, str]:
    """A name or path as text. If it is not UTF-8, the text has surrogates, and `key`_b64 holds the bytes."""
    text = os.fsdecode(name)
    try:
        text.encode()
    except UnicodeEncodeError:
        return {key: text, f"{key}_b64": base64.b64encode(name).decode()}
    return {key: text}


def iso_utc(moment: datetime) -> str:
    """ISO 8601, UTC, whole seconds: "2026-11-24T09:15:02Z"."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def from_mtime_ns(mtime_ns: int) -> datetime:
    """A file's time, UTC. Years that `datetime` cannot hold become its first or last."""
    try:
        return datetime.fromtimestamp(mtime_ns / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        return (datetime.max if mtime_ns > 0 else datetime.min).replace(tzinfo=UTC)  # noqa: DTZ901 - the zone follows


def omit_missing(**fields: Any) -> dict[str, Any]:
    """The fields that are not None. Infinite and NaN numbers (a broken file's length) are left out: JSON has none."""
    return {
        name: value
        for name, value in fields.items()
        if value is not None and not (isinstance(value, float) and not math.isfinite(value))
    }
