"""When an answer is over."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from daemon.inference.batch.repetition import is_looping

#: Loops are looked for once in so many tokens, by the answer's own count: what runs beside it changes nothing.
LOOK_EVERY = 4


class StopReason(Enum):
    END = "the model ended it"
    LOOP = "it went round in circles"
    LIMIT = "it reached its limit"


def stop_reason(output_ids: Sequence[int], *, end_id: int | None, limit: int) -> StopReason | None:
    """Why an answer of these tokens is over, or None while it is not. The end token is not part of what is said.

    Without an `end_id` it goes on to its limit, whatever it says.
    """
    if end_id is not None:
        if output_ids and output_ids[-1] == end_id:
            return StopReason.END
        if len(output_ids) % LOOK_EVERY == 0 and is_looping(output_ids):
            return StopReason.LOOP
    return StopReason.LIMIT if len(output_ids) >= limit else None
