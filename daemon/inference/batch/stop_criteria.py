"""When an answer ends."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from daemon.inference.batch.repetition import is_looping

#: Loops are checked every so many tokens of the answer itself, so that other sequences in the batch change nothing.
CHECK_EVERY = 4


class StopReason(Enum):
    END = "the model ended it"
    LOOP = "it looped"
    LIMIT = "it reached its limit"


def stop_reason(output_ids: Sequence[int], *, end_id: int | None, max_tokens: int) -> StopReason | None:
    """Why an answer of these tokens ends here, or None while it goes on. The end token is not part of the answer.

    Without an `end_id` every answer runs to `max_tokens`, loops too.
    """
    if end_id is not None:
        if output_ids and output_ids[-1] == end_id:
            return StopReason.END
        if len(output_ids) % CHECK_EVERY == 0 and is_looping(output_ids):
            return StopReason.LOOP
    return StopReason.LIMIT if len(output_ids) >= max_tokens else None
