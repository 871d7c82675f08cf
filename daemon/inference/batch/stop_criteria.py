"""When an answer is over."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from daemon.inference.batch.repetition import is_looping

#: Loops are looked for once in so many tokens, by the answer's own count: what runs beside it changes nothing.
LOOK_EVERY = 4


class Stop(Enum):
    END = "the model ended it"
    LOOP = "it went round in circles"
    LIMIT = "it reached its limit"


def stop_of(said: Sequence[int], *, end_id: int | None, limit: int) -> Stop | None:
    """Why an answer of these tokens is over, or None while it is not. The end token is not part of what is said.

    Without an `end_id` it goes on to its limit, whatever it says.
    """
    if end_id is not None:
        if said and said[-1] == end_id:
            return Stop.END
        if len(said) % LOOK_EVERY == 0 and is_looping(said):
            return Stop.LOOP
    return Stop.LIMIT if len(said) >= limit else None
