"""When an answer is over."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum


class Stop(Enum):
    END = "the model ended it"
    LIMIT = "it reached its limit"


def stop_of(said: Sequence[int], *, end_id: int | None, limit: int) -> Stop | None:
    """Why an answer of these tokens is over, or None while it is not. The end token is not part of what is said."""
    if said and said[-1] == end_id:
        return Stop.END
    return Stop.LIMIT if len(said) >= limit else None
