"""One job's requests to the engine, from its clip to the answers of its description. Pure: it submits nothing itself.

A plan decides which requests a clip needs; the session waits for their replies and adds up what they cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from daemon.inference.engine import Figures, Reply, Request
from daemon.media.clip import Clip


@dataclass(frozen=True, kw_only=True)
class CheckedAnswer:
    """`text`: cleaned, for people; `faults`: the codes of what is wrong with it, empty for a good answer."""

    text: str
    faults: tuple[str, ...] = ()


class Plan(Protocol):
    """Which requests describe one clip. Each request has an id that no other request of the worker has."""

    def start(self, clip: Clip) -> Sequence[Request]:
        """The first requests, at least one."""
        ...

    def feed(self, reply: Reply) -> Sequence[Request]:
        """The requests that follow from a reply. Raises a reply's error if there can be no description without it."""
        ...

    def answers(self) -> dict[str, CheckedAnswer]:
        """By question name, in the order of the record; called once all requests have their replies."""
        ...


@dataclass(frozen=True, kw_only=True)
class SessionResult:
    """Answers by question name, `reasons` to doubt them ("caption: loop"), and the figures of all requests together."""

    answers: dict[str, str]
    reasons: tuple[str, ...]
    figures: Figures


class DescribeSession:
    """`start` once, then `feed` every reply, in any order.

    After an error the session is over: its owner cancels the requests that are still open.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._started: set[str] = set()
        self._open: set[str] = set()
        self._figures: Figures | None = None

    @property
    def open_requests(self) -> frozenset[str]:
        """The ids of the requests without a reply."""
        return frozenset(self._open)

    def start(self, clip: Clip) -> list[Request]:
        """The requests to submit. Raises ValueError for a plan without any."""
        requests = self._opened(self._plan.start(clip))
        if not requests:
            raise ValueError("the plan has no request")
        return requests

    def feed(self, reply: Reply) -> list[Request] | SessionResult:
        """More requests to submit (none while others are open), or the result after the last reply.

        Raises EngineError if the clip cannot be described without this reply, ValueError if no open request has its id.
        """
        if reply.id not in self._open:
            raise ValueError(f"request {reply.id} is not open")
        self._open.remove(reply.id)
        self._figures = add_figures(self._figures, reply.figures)
        requests = self._opened(self._plan.feed(reply))
        return requests if self._open else self._result()

    def _opened(self, requests: Sequence[Request]) -> list[Request]:
        for request in requests:
            if request.id in self._started:
                raise ValueError(f"request {request.id} was started before")
            self._started.add(request.id)
            self._open.add(request.id)
        return list(requests)

    def _result(self) -> SessionResult:
        if self._figures is None:
            raise ValueError("no reply has figures")
        checked = self._plan.answers()
        return SessionResult(
            answers={name: answer.text for name, answer in checked.items()},
            reasons=tuple(f"{name}: {fault}" for name, answer in checked.items() for fault in answer.faults),
            figures=self._figures,
        )


def add_figures(before: Figures | None, latest: Figures | None) -> Figures | None:
    """Seconds, tokens and tiles are summed, batch and device memory are the largest, the cache's size is the latest."""
    if before is None or latest is None:
        return before or latest
    return Figures(
        seconds={
            phase: before.seconds.get(phase, 0.0) + latest.seconds.get(phase, 0.0)
            for phase in before.seconds | latest.seconds
        },
        tokens_in=before.tokens_in + latest.tokens_in,
        tokens_out=before.tokens_out + latest.tokens_out,
        batch_rows=max(before.batch_rows, latest.batch_rows),
        device_memory_bytes=max(before.device_memory_bytes, latest.device_memory_bytes),
        cold_start=before.cold_start or latest.cold_start,
        cache_bytes=latest.cache_bytes,
        tiles_encoded=before.tiles_encoded + latest.tiles_encoded,
    )
