"""Fields of a stored status, read as far as they are understood. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

#: A row as it is stored.
Stored = Mapping[str, Any]


def text(stored: Stored, key: str) -> str | None:
    value = stored.get(key)
    return value if isinstance(value, str) else None


def texts(stored: Stored, key: str) -> dict[str, str]:
    value = stored.get(key)
    return {name: str(text) for name, text in value.items()} if isinstance(value, dict) else {}


def number(stored: Stored, key: str) -> int | None:
    value = stored.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def moment(stored: Stored, key: str) -> datetime | None:
    return parsed(stored.get(key))


def parsed(value: object) -> datetime | None:
    """A moment in ISO 8601 with its time zone; None for anything else."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None
