"""Names, moments and optional fields as the plain values of JSON. Pure."""

from __future__ import annotations

import base64
import math
import os
from datetime import UTC, datetime
from typing import Any


def exact(key: str, name: bytes) -> dict[str, str]:
    """A name or path as text; where it is no UTF-8, that text has surrogates, and the bytes stand in `key`_b64."""
    text = os.fsdecode(name)
    try:
        text.encode()
    except UnicodeEncodeError:
        return {key: text, f"{key}_b64": base64.b64encode(name).decode()}
    return {key: text}


def stamp(moment: datetime) -> str:
    """ISO 8601, UTC, whole seconds: "2026-11-24T09:15:02Z"."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_of(mtime_ns: int) -> datetime:
    """A file's time, UTC. File systems hold years that `datetime` cannot: those come out as its first or last."""
    try:
        return datetime.fromtimestamp(mtime_ns / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        return (datetime.max if mtime_ns > 0 else datetime.min).replace(tzinfo=UTC)


def present(**fields: Any) -> dict[str, Any]:
    """The fields that are there; JSON has no word for a number that is not finite (a broken file's length, say)."""
    return {
        name: value
        for name, value in fields.items()
        if value is not None and not (isinstance(value, float) and not math.isfinite(value))
    }
