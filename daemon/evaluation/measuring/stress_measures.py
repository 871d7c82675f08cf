"""Many pictures in a row, many requests at once, and questions that are too long."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median

import numpy as np
import psutil

from daemon.asking.question import Ask
from daemon.asking.request import request_of
from daemon.evaluation.measuring.situation import Measured, Situation, answer_all, checked
from daemon.inference.engine import Engine, Reply
from storage.evaluation.evaluation_records import Figure, Line

#: So many points has the line of memory at most.
POINTS = 100
#: The first part of the line is warm-up: buffers grow to their size.
WARM_SHARE = 0.5
#: A leak of this much a picture is found: 10 GB over a million pictures.
MOST_KILOBYTES = 10.0
HELD = "resident memory, with the second copy of the model that was measured"
#: More words than any model of this kind takes.
MANY_WORDS = 60_000


def memory_line(situation: Situation) -> Measured:
    """Pictures one batch after another, one token each; the resident memory of this process after each batch.

    No image features are kept. An engine that keeps image features would grow until it holds as many as it may.
    """
    process, points = psutil.Process(), list[tuple[float, float]]()
    batch = max(1, min(situation.info.rows, situation.count // POINTS))
    errors = 0
    with situation.timed() as engine:
        began = time.perf_counter()
        for start in range(0, situation.count, batch):
            numbers = range(start, min(start + batch, situation.count))
            requests = [situation.request(number, tokens=1) for number in numbers]
            errors += sum(reply.error is not None for reply in answer_all(engine, requests, at_once=batch))
            points.append((float(numbers.stop), process.memory_info().rss / 1e6))
        seconds = time.perf_counter() - began
    slope = slope_of(points)
    return Measured(
        figures=(
            Figure(name="slope", value=slope, unit="kB/picture", note="least squares over the second half"),
            Figure(name="peak", value=max(y for _, y in points) * 1e6, unit="bytes", note=HELD),
            Figure(name="pictures a second", value=situation.count / seconds, unit="1/s", note="with 1 token each"),
        ),
        lines=(Line(name="memory", x_label="pictures", y_label="resident memory (MB)", points=tuple(points)),),
        checks=(
            checked("errors", "no errors", errors == 0, f"{errors} of {situation.count} failed."),
            checked(
                "slope", f"under {MOST_KILOBYTES:g} kB a picture", slope < MOST_KILOBYTES, f"It is {slope:.2f} kB."
            ),
        ),
    )


def slope_of(points: Sequence[tuple[float, float]]) -> float:
    """kB a picture over the last part of a line of (pictures, MB); 0 for fewer than two points there."""
    late = points[int(len(points) * WARM_SHARE) :]
    if len(late) < 2:
        return 0.0
    x, y = np.asarray(late).T
    return float(np.polyfit(x, y, 1)[0] * 1e3)


def concurrent_requests(situation: Situation) -> Measured:
    """Equal answers whether requests come one by one or all at once; and what each way takes."""
    with situation.timed() as engine:
        alone, alone_seconds = answered(situation, engine, at_once=1)
        together, seconds = answered(situation, engine, at_once=situation.count)
    same = sum(alone[name] == together[name] for name in alone)
    return Measured(
        figures=(
            Figure(
                name="one by one", value=alone_seconds, unit="s", note=f"{situation.count} requests, opening included"
            ),
            Figure(name="all at once", value=seconds, unit="s", note=f"{situation.count} requests, opening included"),
            Figure(name="equal answers", value=100 * same / len(alone), unit="%", note="greedy"),
        ),
        checks=(checked("answers", "all equal", same == len(alone), f"{same} of {len(alone)} are equal."),),
    )


def large_batch(situation: Situation) -> Measured:
    """More requests than the batch has rows."""
    requests = situation.requests(situation.count, tokens=16)
    with situation.timed() as engine:
        began = time.perf_counter()
        replies = answer_all(engine, requests, at_once=situation.count)
        seconds = time.perf_counter() - began
    failed = [reply for reply in replies if reply.error is not None]
    figures = [reply.figures for reply in replies if reply.figures is not None]
    tokens = sum(figure.tokens_out for figure in figures)
    return Measured(
        figures=(
            Figure(name="requests", value=float(len(replies)), unit="", note="submitted at once"),
            Figure(name="largest batch", value=float(max((f.batch_rows for f in figures), default=0)), unit="rows"),
            Figure(name="tokens a second", value=tokens / seconds, unit="tokens/s", note="all answers together"),
            Figure(
                name="seconds a request",
                value=median([sum(f.seconds.values()) for f in figures]) if figures else None,
                unit="s",
                note="median over the requests, of their phases",
            ),
        ),
        checks=(checked("errors", "all answered", not failed, f"{len(failed)} of {len(replies)} failed."),),
    )


def too_long_question(situation: Situation) -> Measured:
    """It is refused with advice, and the next question is answered."""
    text = "and then? " * (MANY_WORDS // 2)
    long = request_of("long", Ask(question=text, tokens=4), ())
    (refused,) = answer_all(situation.engine, [long], at_once=1)
    (next_reply,) = answer_all(situation.engine, [situation.request(0, tokens=4)], at_once=1)
    error = refused.error
    return Measured(
        text=str(error or "It was answered."),
        checks=(
            checked("refused", "refused with advice", error is not None and bool(error.advice), str(error)),
            checked("goes on", "the next is answered", next_reply.error is None, str(next_reply.error or "It was.")),
        ),
    )


def answered(situation: Situation, engine: Engine, *, at_once: int) -> tuple[dict[str, str], float]:
    """The answers by request, and the seconds that they took."""
    began = time.perf_counter()
    requests = situation.requests(situation.count, tokens=32)
    replies = answer_all(engine, requests, at_once=at_once)
    return {reply.id: text_of(reply) for reply in replies}, time.perf_counter() - began


def text_of(reply: Reply) -> str:
    return str(reply.error) if reply.error is not None else next(iter(reply.answers.values())).text
