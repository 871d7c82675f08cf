"""An engine without a model: its answers state the size of its input. For dry runs and tests."""

from __future__ import annotations

from config.groups import Detail
from daemon.errors import EngineError
from daemon.inference.engine import Answer, EngineInfo, Figures, Reply, Request
from daemon.inference.features.feature_cache import CacheUsage

ECHO_ID, ECHO_REVISION = "echo", "1"


class EchoEngine:
    """Answers every question with the size of the pictures; at most `rows` requests a step."""

    def __init__(self, *, detail: Detail = "balanced", rows: int = 8) -> None:
        self._detail, self._rows = detail, rows
        self._waiting: dict[str, Request] = {}

    def load(self) -> EngineInfo:
        return EngineInfo(
            model_id=ECHO_ID,
            revision=ECHO_REVISION,
            engine="echo",
            device="none",
            dtype="none",
            detail=self._detail,
            rows=self._rows,
            image_edges={"fast": 512, "balanced": 1024, "full": 2048},
            frame_edge=512,
            frames_per_second=1.0,
            max_frames=64,
        )

    def submit(self, request: Request) -> None:
        if request.id in self._waiting:
            raise ValueError(f"request {request.id} is already in flight")
        self._waiting[request.id] = request

    def step(self) -> list[Reply]:
        batch = list(self._waiting.values())[: self._rows]
        for request in batch:
            del self._waiting[request.id]
        return [echo(request) for request in batch]

    def partial(self, request_id: str) -> dict[str, str]:
        """Nothing: an answer comes whole."""
        return {}

    def cancel(self, request_id: str) -> None:
        self._waiting.pop(request_id, None)

    def feature_usage(self) -> CacheUsage:
        return CacheUsage()

    def rest(self) -> None:
        """There is nothing to free."""

    def close(self) -> None:
        self._waiting.clear()


def describe(request: Request) -> str:
    """For example "A picture of 640x480." or "A video of 8.0 seconds, 8 frames of 512x288."; "No picture."."""
    sizes = [f"{picture.shape[1]}x{picture.shape[0]}" for picture in request.pictures]
    if request.is_video:
        return f"A video of {request.seconds:.1f} seconds, {len(sizes)} frames of {sizes[0]}."
    return f"A picture of {' and '.join(sizes)}." if sizes else "No picture."


def echo(request: Request) -> Reply:
    """A word counts as a token. A picture without pixels gets an error, as from a model."""
    if any(picture.size == 0 for picture in request.pictures):
        return Reply(id=request.id, error=EngineError("A picture has no pixels."))
    text = describe(request)
    words = len(text.split())
    figures = Figures(
        seconds={},
        tokens_in=sum(len(question.ask.split()) for question in request.questions),
        tokens_out=words * len(request.questions),
        batch_rows=len(request.questions),
        device_memory_bytes=0,
        cold_start=False,
    )
    answers = {question.name: Answer(text=text, tokens=words, complete=True) for question in request.questions}
    return Reply(id=request.id, answers=answers, figures=figures)
