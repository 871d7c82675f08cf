"""What a worker does, as it says to the supervisor."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    IDLE = "idle"  #: nothing is in hand
    LOADING = "loading"  #: the model is made ready
    WORKING = "working"  #: one round of work begins
    ANSWERED = "answered"  #: the model described a file
