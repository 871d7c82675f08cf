"""The interface between smolwatch and a model: pictures and questions in, answers out.

Engines know no paths, jobs or database. Requests are independent: an error is one reply's, never a whole batch's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from config.groups import Detail
from config.recipes import Question
from daemon.errors import EngineError
from daemon.inference.features.feature_cache import CacheUsage
from daemon.inference.sampling_params import SamplingParams
from daemon.media.clip import Pixels


@dataclass(frozen=True, kw_only=True)
class Request:
    """Questions about some pictures, or about none, each in a prompt of its own after the `system` prompt, if any.

    A question's text comes after the pictures, unless it marks the place of each with `<image>`. Only videos have
    `timestamps` and `seconds` (their length); `pictures` are then the frames of one.
    `sampling`, by question name, for questions that are not decoded greedily; engines without sampling ignore it.
    `detail`: how finely pictures are cut; None is the engine's own. `image_features` comes from a reply to a request
    with the same pictures, or is None. `is_urgent`: it goes before all that waits, and stops nothing that is running.
    """

    id: str
    pictures: tuple[Pixels, ...]
    questions: tuple[Question, ...]
    timestamps: tuple[float, ...] = ()
    seconds: float | None = None
    system: str | None = None
    detail: Detail | None = None
    sampling: Mapping[str, SamplingParams] = field(default_factory=dict)
    image_features: object = field(default=None, repr=False)
    is_urgent: bool = False

    @property
    def is_video(self) -> bool:
        return self.seconds is not None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`tokens`: how many were generated; `complete`: the model ended the answer, rather than the limit.

    `looped`: it was stopped because its tokens repeated in a loop.
    """

    text: str
    tokens: int
    complete: bool
    looped: bool = False


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a request cost: seconds by phase, tokens in and out over all its questions, and its largest batch.

    `cache_bytes`: the size of the KV cache then, on the device or, on a CPU, in the process. `tiles_encoded`: those of
    its tiles that the vision tower encoded; the others are equal to another, or their features were there.
    """

    seconds: dict[str, float]
    tokens_in: int
    tokens_out: int
    batch_rows: int
    device_memory_bytes: int
    cold_start: bool
    cache_bytes: int = 0
    tiles_encoded: int = 0


@dataclass(frozen=True, kw_only=True)
class Reply:
    """Either answers by question name, or an error.

    `image_features`: a later request for the same pictures that passes them back is not encoded again.
    """

    id: str
    answers: dict[str, Answer] = field(default_factory=dict)
    figures: Figures | None = None
    error: EngineError | None = None
    image_features: object = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class EngineInfo:
    """What was loaded, and its limits. `rows` bounds the sequences in one batch, and the requests in flight.

    `detail`: that of requests without their own. `image_edges`, by detail, and `frame_edge` in pixels.
    `notes`: what was decided at load, and why, for people. `weights`: their digest; None without any.
    `control`: a digest of the weights, the precision and the answers about control tiles; `problem`: why the model is
    not trusted after these answers. None: not checked.
    """

    model_id: str
    revision: str
    engine: str
    device: str
    dtype: str
    detail: Detail
    rows: int
    image_edges: Mapping[Detail, int]
    frame_edge: int
    frames_per_second: float
    max_frames: int
    notes: tuple[str, ...] = ()
    weights: str | None = None
    control: str | None = None
    problem: str | None = None


class Engine(Protocol):
    def load(self) -> EngineInfo:
        """Load the model; raises ModelUnavailableError without weights, EngineError with advice if they cannot run."""
        ...

    def submit(self, request: Request) -> None:
        """Queue a request; a later `step` returns its reply. Raises ValueError while the id is in flight."""
        ...

    def step(self) -> list[Reply]:
        """One round of work; the replies that it finished, each with answers or an error."""
        ...

    def partial(self, request_id: str) -> dict[str, str]:
        """The answers of a request in flight as far as they are generated, by question name; read between steps.

        Those without any text are missing; unknown ids have none. A preempted answer begins again, with equal text.
        """
        ...

    def cancel(self, request_id: str) -> None:
        """Drop a request: it gets no reply. Unknown ids are ignored."""
        ...

    def feature_usage(self) -> CacheUsage:
        """What the engine keeps of image features for later requests, and how often that was of use."""
        ...

    def rest(self) -> None:
        """Free memory that is kept only for more work; called after a while without requests."""
        ...

    def close(self) -> None:
        """Free the model's memory; `load` may be called again."""
        ...
