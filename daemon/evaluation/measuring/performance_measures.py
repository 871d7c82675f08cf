"""Seconds and tokens a second: by size of the picture, length of the video, batch, precision and device."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median

from daemon.errors import EngineError
from daemon.evaluation.bench.cases import Ask
from daemon.evaluation.bench.workload import requests_of
from daemon.evaluation.measuring.situation import Measured, Situation, answer_all, checked
from daemon.inference.engine import Engine, Request
from storage.evaluation.evaluation_records import Figure, Line

EDGES = ((256, 192), (640, 480), (1280, 960), (2560, 1920))
#: A video of an hour has as many frames for the model as one of 64 seconds.
VIDEO_SECONDS = (1, 8, 64, 3600)
BATCHES = (1, 4, 16, 64)
PRECISIONS = ("f32", "bf16", "int8")
DEVICES = ("cpu", "mps", "cuda")
TOKENS = 32
#: The plan's targets, in seconds.
PICTURE_SECONDS, VIDEO_TARGET_SECONDS = 3.0, 15.0


def one_picture(situation: Situation) -> Measured:
    """One picture file at a time, opening included, with an answer of a sentence's length."""
    seconds = []
    with situation.timed() as engine:
        for number in range(situation.count + 1):
            began = time.perf_counter()
            answer_all(engine, [situation.request(number, tokens=TOKENS)], at_once=1)
            seconds.append(time.perf_counter() - began)
    found = spread_of("one picture", seconds[1:])  # the first is warm-up
    middle = median(seconds[1:])
    return Measured(
        figures=found,
        checks=(
            checked("limit", f"under {PICTURE_SECONDS:g} s", middle < PICTURE_SECONDS, f"It took {middle:.2f} s."),
        ),
    )


def picture_sizes(situation: Situation) -> Measured:
    figures, points = list[Figure](), list[tuple[float, float]]()
    with situation.timed() as engine:
        for width, height in EDGES:
            ask = Ask(detail=situation.info.detail, sizes=((width, height),))
            seconds = alone(engine, ask, situation.count, most_frames=0)
            figures += spread_of(f"{width}x{height}", seconds)
            points.append((width * height / 1e6, median(seconds)))
    line = Line(name="pictures", x_label="size (megapixels)", y_label="seconds a picture", points=tuple(points))
    return Measured(figures=tuple(figures), lines=(line,))


def video_lengths(situation: Situation) -> Measured:
    """Without decoding: the frames are there. The model is given at most so many frames, however long the video is."""
    figures, points, last = list[Figure](), list[tuple[float, float]](), 0.0
    most = situation.info.max_frames
    with situation.timed() as engine:
        for length in VIDEO_SECONDS:
            ask = Ask(detail=situation.info.detail, sizes=((1280, 720),), frames=min(length, most))
            try:
                seconds = alone(engine, ask, situation.count, most_frames=most)
            except EngineError as error:  # the model's context is too short for so many frames
                figures.append(Figure(name=f"video of {length} s", value=None, unit="s", note=str(error)))
                continue
            figures += spread_of(f"video of {length} s", seconds)
            last = median(seconds)
            points.append((float(length), last))
    line = Line(name="videos", x_label="length (s)", y_label="seconds a video", points=tuple(points))
    limit = checked(
        "limit", f"under {VIDEO_TARGET_SECONDS:g} s", 0 < last < VIDEO_TARGET_SECONDS, f"The longest took {last:.2f} s."
    )
    return Measured(figures=tuple(figures), lines=(line,), checks=(limit,))


def batches(situation: Situation) -> Measured:
    """Tokens a second of all answers together, from the first request to the last answer."""
    figures, points = list[Figure](), list[tuple[float, float]]()
    with situation.timed() as engine:
        for size in BATCHES:
            if size > situation.info.rows:
                note = f"The engine has {situation.info.rows} rows; see model.rows."
                figures.append(Figure(name=f"batch of {size}", value=None, unit="tokens/s", note=note))
                continue
            ask, rates = Ask(detail=situation.info.detail, sizes=((640, 480),), copies=size), list[float]()
            for round_number in range(situation.count):
                requests = requests_of(ask, tokens=TOKENS, most_frames=0, round_number=round_number)
                began = time.perf_counter()
                replies = answer_all(engine, requests, at_once=size)
                tokens = sum(reply.figures.tokens_out for reply in replies if reply.figures is not None)
                rates.append(tokens / (time.perf_counter() - began))
            note = f"median of {len(rates)}, {min(rates):.3g} to {max(rates):.3g}"
            figures.append(Figure(name=f"batch of {size}", value=median(rates), unit="tokens/s", note=note))
            points.append((float(size), median(rates)))
    line = Line(name="batches", x_label="requests at once", y_label="tokens a second", points=tuple(points))
    return Measured(figures=tuple(figures), lines=(line,))


def precisions(situation: Situation) -> Measured:
    """Each device and precision with a model of its own, one picture at a time. An empty cell has its reason."""
    figures = list[Figure]()
    ask = Ask(detail=situation.info.detail, sizes=((640, 480),))
    for device in DEVICES:
        for precision in PRECISIONS:
            name = f"{device}, {precision}"
            model = situation.settings.model.model_copy(update={"device": device, "precision": precision})
            settings = situation.settings.model_copy(update={"model": model})
            try:
                with situation.timed(settings) as engine:
                    figures += spread_of(name, alone(engine, ask, situation.count, most_frames=0))
            except EngineError as error:
                figures.append(Figure(name=name, value=None, unit="s", note=str(error)))
    note = "To compare the engines: smolwatch bench --engines mlx,torch"
    figures.append(Figure(name="mlx", value=None, unit="s", note=note))
    return Measured(figures=tuple(figures))


def alone(engine: Engine, ask: Ask, count: int, *, most_frames: int) -> list[float]:
    """Seconds of so many requests, one at a time, after one that is not counted. Raises EngineError."""
    seconds = []
    for round_number in range(count + 1):
        requests = requests_of(ask, tokens=TOKENS, most_frames=most_frames, round_number=round_number)
        seconds.append(seconds_of(engine, requests))
    return seconds[1:]


def seconds_of(engine: Engine, requests: Sequence[Request]) -> float:
    began = time.perf_counter()
    for reply in answer_all(engine, requests, at_once=len(requests)):
        if reply.error is not None:
            raise reply.error
    return time.perf_counter() - began


def spread_of(name: str, seconds: Sequence[float]) -> tuple[Figure, ...]:
    note = f"median of {len(seconds)}, {min(seconds):.3g} to {max(seconds):.3g} s"
    return (Figure(name=name, value=median(seconds), unit="s", note=note),)
