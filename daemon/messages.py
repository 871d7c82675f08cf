"""The messages between supervisor and worker, and their only encoding: a kind, a space and a value, as bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

#: So many bytes of a message that cannot be decoded are quoted.
QUOTED_BYTES = 64


class Stage(StrEnum):
    """What the worker's main loop does."""

    IDLE = "idle"  #: it holds no job
    BLOCKED = "blocked"  #: files wait, but the model cannot be loaded
    LOADING = "loading"  #: it loads the model
    WORKING = "working"  #: it begins a round of work
    ANSWERED = "answered"  #: the model described a file


class Order(StrEnum):
    """What the supervisor orders."""

    WAKE = "wake"  #: a job is waiting
    STOP = "stop"  #: finish or release the held jobs within `work.stop_seconds`, then exit
    STOP_NOW = "stop-now"  #: release the held jobs and exit


@dataclass(frozen=True)
class StageReport:
    """The worker's stage, when it changes, and repeatedly while it lasts."""

    stage: Stage


@dataclass(frozen=True)
class PathReport:
    """A path that no longer holds its job's bytes; the intake checks it again."""

    path: bytes


#: What the worker reports.
Report = StageReport | PathReport


class MessageError(ValueError):
    """A message is damaged or of an unknown kind."""


def encode(message: Order | Report) -> bytes:
    match message:
        case StageReport(stage):
            return b"stage " + stage.encode()
        case PathReport(path):
            return b"path " + path
        case _:
            return b"order " + message.encode()


def decode_report(data: bytes) -> Report:
    """Raises MessageError."""
    kind, separator, value = data.partition(b" ")
    if kind == b"path" and separator:
        return PathReport(value)
    try:
        if kind == b"stage":
            return StageReport(Stage(value.decode("ascii")))
    except ValueError as error:
        raise MessageError(f"Unknown stage in {data[:QUOTED_BYTES]!r}") from error
    raise MessageError(f"Unknown message {data[:QUOTED_BYTES]!r}")


def decode_order(data: bytes) -> Order:
    """What is damaged or unknown counts as STOP: the worker ends cleanly, and the supervisor starts another."""
    kind, _, value = data.partition(b" ")
    orders = {order.encode(): order for order in Order}
    return orders.get(value, Order.STOP) if kind == b"order" else Order.STOP
