"""What each kind of input adds to the memory of the loaded model at its peak: each in a process of its own.

In one process, memory that an earlier input left for reuse would hide what the next one takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from config.recipes import Question
from config.settings import Settings
from daemon.errors import EngineError
from daemon.evaluation.bench.workload import ASKS, noise
from daemon.evaluation.fresh_process import in_fresh_process
from daemon.evaluation.measuring.peak_meter import peak_meter
from daemon.evaluation.measuring.situation import Measured, Situation, answer_all
from daemon.inference.engine import Engine, EngineInfo, Figures, Request
from storage.evaluation.evaluation_records import Figure

TOKENS = 32


@dataclass(frozen=True, kw_only=True)
class Kind:
    """So many pictures of that size (width, height) in one request; frames of a video, one a second, if `is_video`."""

    count: int = 0
    size: tuple[int, int] = (0, 0)
    is_video: bool = False


@dataclass(frozen=True, kw_only=True)
class Peak:
    """In bytes: `level` before the input came, `peak` until its answer; `device`: the peak of a GPU, with the model."""

    level: int
    peak: int
    how: str
    device: int


KINDS: Mapping[str, Kind] = {
    "text alone": Kind(),
    "small picture": Kind(count=1, size=(256, 192)),
    "large picture": Kind(count=1, size=(4000, 3000)),
    "four pictures": Kind(count=4, size=(640, 480)),
    "video of 8 frames": Kind(count=8, size=(1280, 720), is_video=True),
    "video of 64 frames": Kind(count=64, size=(1280, 720), is_video=True),
}


def memory_by_input(situation: Situation) -> Measured:
    """With pictures of noise, as the decoder gives them: it is another process, whose memory is not counted."""
    measure = partial(in_fresh_process, peak_of, situation.timed_engine, situation.settings)
    return Measured(figures=tuple(peak_figures(measure, situation.info)))


def peak_figures(measure: Callable[[Kind], Peak], info: EngineInfo) -> Iterator[Figure]:
    """For each kind, what it adds to the process and to a GPU; or why it cannot be measured."""
    has_device = info.device not in ("cpu", "none")
    for name, kind in KINDS.items():
        try:
            found = measure(kind)
        except EngineError as error:  # the model's context is too short for it, or there is too little memory
            yield Figure(name=name, value=None, unit="bytes", note=str(error))
            continue
        note = f"above {found.level / 1e6:,.0f} MB of the loaded model; {found.how}"
        yield Figure(name=name, value=float(found.peak - found.level), unit="bytes", note=note)
        if has_device:
            yield Figure(name=f"{name}, on the GPU", value=float(found.device), unit="bytes", note=device_note(info))
    if not has_device:
        note = "The model runs on the CPU here, and has no memory but the process's."
        yield from (Figure(name=f"{name}, on the GPU", value=None, unit="bytes", note=note) for name in KINDS)


def device_note(info: EngineInfo) -> str:
    how = "peak as torch counts it" if info.device == "cuda" else "at the end of the answer: no peak is counted"
    return f"with the model; {how}"


def peak_of(make: Callable[[Settings], Engine], settings: Settings, kind: Kind) -> Peak:
    """For a process of its own. Raises EngineError if the request is refused."""
    with closing(make(settings)) as engine:
        info = engine.load()
        if info.device == "cuda":
            from daemon.inference.torch.devices import reset_cuda_peak

            reset_cuda_peak()
        meter = peak_meter()
        device = answered(engine, request_of(kind, info)).device_memory_bytes
        peak = meter.stop()
    return Peak(level=meter.level, peak=peak, how=meter.how, device=device)


def answered(engine: Engine, request: Request) -> Figures:
    """Raises EngineError."""
    (reply,) = answer_all(engine, [request], at_once=1)
    if reply.error is not None:
        raise reply.error
    if reply.figures is None:
        raise EngineError("A reply has no figures.")
    return reply.figures


def request_of(kind: Kind, info: EngineInfo) -> Request:
    """Its pictures are at most as large, and its frames as many, as the decoder gives them for this model."""
    edge = info.frame_edge if kind.is_video else info.image_edges[info.detail]
    count = min(kind.count, info.max_frames) if kind.is_video else kind.count
    return Request(
        id="input",
        pictures=noise(count, within(kind.size, edge), (0, 0)),
        questions=(Question(name="answer", ask=ASKS[0], tokens=TOKENS),),
        timestamps=tuple(map(float, range(count))) if kind.is_video else (),
        seconds=float(count) if kind.is_video else None,
    )


def within(size: tuple[int, int], edge: int) -> tuple[int, int]:
    """The size, made smaller where its longer side is longer than `edge`."""
    scale = min(1.0, edge / max(*size, 1))
    return round(size[0] * scale), round(size[1] * scale)
