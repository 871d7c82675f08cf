"""The seam between smolwatch and a model: pictures and questions in, answers out.

An engine knows no paths, no jobs and no database. Requests are independent: one error per reply, never one for a batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from config.recipes import Question
from daemon.errors import EngineError
from daemon.inference.sampling_params import SamplingParams
from daemon.media.clip import Pixels


@dataclass(frozen=True, kw_only=True)
class Request:
    """One file's questions. Only videos have `timestamps` and `seconds` (their length); `pictures` are then frames.

    `decoding`, by question name, is for questions that are not to be answered plainly; an engine that knows no other
    way may ignore it. `impression` comes from a reply to a request with the same pictures, or is None.
    """

    id: str
    pictures: tuple[Pixels, ...]
    questions: tuple[Question, ...]
    timestamps: tuple[float, ...] = ()
    seconds: float | None = None
    decoding: Mapping[str, SamplingParams] = field(default_factory=dict)
    impression: object = field(default=None, repr=False)

    @property
    def is_video(self) -> bool:
        return self.seconds is not None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`tokens`: how many were generated; `complete`: the model ended by itself rather than at the limit.

    `looped`: it was stopped, as its tokens went round in circles.
    """

    text: str
    tokens: int
    complete: bool
    looped: bool = False


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a request cost: seconds by phase, tokens in and out over all its questions, rows that ran beside it.

    `cache_bytes`: what the keys and values of all rows took then, on the device or, on a CPU, in the process.
    """

    seconds: dict[str, float]
    tokens_in: int
    tokens_out: int
    batch_rows: int
    device_memory_bytes: int
    cold_start: bool
    cache_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Reply:
    """Either answers by question name, or an error.

    `impression` is what the engine saw: a further request that brings it along spares the engine looking again.
    """

    id: str
    answers: dict[str, Answer] = field(default_factory=dict)
    figures: Figures | None = None
    error: EngineError | None = None
    impression: object = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class EngineInfo:
    """What was loaded, and how much it takes at once. `rows` bounds the requests that may be under way.

    `notes`: what was decided at load, and why, for people.
    """

    model_id: str
    revision: str
    engine: str
    device: str
    dtype: str
    detail: str
    rows: int
    image_edge: int
    frame_edge: int
    frames_per_second: float
    max_frames: int
    notes: tuple[str, ...] = ()


class Engine(Protocol):
    def load(self) -> EngineInfo:
        """Make ready; raises ModelUnavailableError without weights, EngineError with advice when they cannot run."""
        ...

    def submit(self, request: Request) -> None:
        """Take a request; its reply comes from some later `step`."""
        ...

    def step(self) -> list[Reply]:
        """One round of work; the replies that it finished, each an answer or an error."""
        ...

    def cancel(self, request_id: str) -> None:
        """Forget a request: it gets no reply. Unknown ids are ignored."""
        ...

    def rest(self) -> None:
        """Nothing is under way, and has not been for a while: give back what is only kept for more work."""
        ...

    def close(self) -> None:
        """Give the model's memory back."""
        ...
