"""Runs of an evaluation with results of every kind, for tests of the report."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from PIL import Image, ImageDraw

from storage.evaluation.evaluation_records import (
    MOST_THUMBNAIL_BYTES,
    Aspect,
    CaseResult,
    CheckVerdict,
    EvaluationRun,
    Figure,
    Line,
)
from storage.jobs.past_work import Described

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
RUN = EvaluationRun(
    id=7,
    started_at=NOW - timedelta(minutes=42),
    ended_at=NOW - timedelta(minutes=2),
    finished=300,
    smolwatch="0.1.0",
    machine={
        "system": "Linux x86_64",
        "cpu": "AMD EPYC 9B14",
        "device": "AMD EPYC 9B14",
        "cores": 2,
        "threads": 2,
        "memory_bytes": 24_000_000_000,
        "python": "3.11.2",
    },
    libraries={"torch": "2.13.0", "transformers": "5.23.0", "pillow": "13.0.0", "av": "18.1.0"},
    model_id="smolwatch-demo",
    revision="1",
    weights_digest="blake2b:5a0c3e9d77aa41f2",
    engine="torch",
    device="cpu",
    dtype="bfloat16",
    precision="auto",
    detail="balanced",
    suites=("text", "image", "video"),
    suites_digest="4567cdef",
    repeat=3,
    seed=7,
    planned=300,
    control="89abcdef",
)
EARLIER = replace(RUN, id=5, started_at=RUN.started_at - timedelta(days=1), dtype="float32")
#: Every way in which text from a model or a file has been used against a page.
HOSTILE = (
    "</style></script><script>alert(1)</script>",
    '<img src="https://evil.example/x.png" onerror="alert(1)">',
    '" onmouseover="alert(1)" x="',
    "{{ 7 * 7 }}{% raw %}",
    "\u202ereversed\x1b[31m\x00\ud800\ufffe",
    "](https://evil.example) ![x](https://evil.example/x.png) | `code` $x^2$",
    "]]><svg onload=alert(1)>",
)
COLOURS = ("red", "green", "blue", "orange", "purple", "grey")
SHAPES = ("circle", "square", "triangle")


def jpeg_of(colour: str, shape: str) -> bytes:
    """A drawn shape, as large as a thumbnail may be."""
    picture = Image.new("RGB", (128, 128), "white")
    draw = ImageDraw.Draw(picture)
    box = (28, 28, 100, 100)
    if shape == "circle":
        draw.ellipse(box, fill=colour)
    elif shape == "square":
        draw.rectangle(box, fill=colour)
    else:
        draw.polygon([(64, 24), (104, 100), (24, 100)], fill=colour)
    whole = io.BytesIO()
    picture.save(whole, "JPEG", quality=80)
    return whole.getvalue()[:MOST_THUMBNAIL_BYTES]


def results_of(cases: int, *, wrong: float = 0.2, seed: int = 1, repeats: int = 1) -> list[CaseResult]:
    """So many cases over four categories; `wrong`: the share whose answer is wrong."""
    chance = random.Random(seed)
    return [
        answered(number, repeat, is_right=chance.random() >= wrong)
        for number in range(cases)
        for repeat in range(repeats)
    ]


def answered(number: int, repeat: int = 0, *, is_right: bool = True) -> CaseResult:
    category = ("text", "image", "video", "multi-image")[number % 4]
    colour, shape = COLOURS[number % 6], SHAPES[number % 3]
    named = colour if is_right else COLOURS[(number + 1) % 6]
    answer = f"A large {named} {shape} in the center on a white background."
    if not is_right and repeat % 2:
        answer = f"There is a {named} {shape}."
    checks = (
        CheckVerdict(
            kind="contains",
            expected=f'contains "{colour}"',
            aspect=Aspect.ACCURACY,
            passed=is_right,
            reason=f'The answer {"holds" if is_right else "lacks"} "{colour}".',
            weight=2.0,
        ),
        CheckVerdict(
            kind="sentences",
            expected="one sentence",
            aspect=Aspect.INSTRUCTION,
            passed=True,
            reason="The answer has 1 sentence.",
        ),
    )
    total = 0.4 + 0.3 * (number % 4)
    return CaseResult(
        suite=category,
        case=f"{colour}-{shape}-{number}",
        category=category,
        plan=({"text": "2.1", "image": "2.2", "video": "2.4", "multi-image": "2.7"}[category],),
        finished_at=RUN.started_at + timedelta(seconds=7 * number + repeat),
        inputs=() if category == "text" else (f"{colour} {shape}.png",),
        question="Describe this image in one sentence.",
        answer=answer,
        references=(f"A large {colour} {shape}.",),
        checks=checks,
        score=1.0 if is_right else 1 / 3,
        metrics={"coherence": 9.4 if is_right else 7.5},
        seconds={
            "decode": 0.02 * total,
            "preprocess": 0.05 * total,
            "vision": 0.5 * total,
            "prefill": 0.13 * total,
            "generate": 0.3 * total,
            "total": total,
        },
        tokens_in=90,
        tokens_out=14,
        peak_memory_bytes=520_000_000 + min(number, 40) * 1_500_000 + number * 20_000,
        repeat=repeat,
        thumbnail=None if category == "text" else jpeg_of(colour, shape),
    )


def loading() -> CaseResult:
    """A case that measures."""
    return CaseResult(
        suite="loading",
        case="load-times",
        category="loading",
        plan=("1.2", "1.3"),
        finished_at=RUN.started_at,
        score=1.0,
        figures=(
            Figure(
                name="load, cold", value=4.06, unit="s", note="Wall clock, from nothing to a model that can answer."
            ),
            Figure(name="memory", value=730_000_000.0, unit="bytes", note="Resident memory after loading."),
            Figure(name="load on mps", value=None, unit="s", note="This machine has no Apple GPU."),
        ),
    )


def stress() -> CaseResult:
    """A case with a line."""
    return CaseResult(
        suite="stress",
        case="flat-memory",
        category="stress",
        plan=("4",),
        finished_at=RUN.started_at,
        score=1.0,
        lines=(
            Line(
                name="resident",
                x_label="pictures",
                y_label="memory (MB)",
                points=tuple((100.0 * step, 410 + 3 * min(step, 4) + 0.02 * step) for step in range(101)),
            ),
        ),
        note="Resident memory after every 100 pictures; slope over the second half: 0.2 kB a picture.",
    )


def hostile() -> list[CaseResult]:
    """Every text field holds what would run, load or break out."""
    return [
        CaseResult(
            suite="hostile",
            case=text,
            category=text,
            plan=("2.2",),
            finished_at=RUN.started_at,
            inputs=(text,),
            question=text,
            answer=text,
            checks=(
                CheckVerdict(kind="contains", expected=text, aspect=Aspect.ACCURACY, passed=False, reason=text),
                CheckVerdict(kind="contains", expected=text, aspect=Aspect.INSTRUCTION, passed=True, reason=text),
            ),
            score=0.5,
            figures=(Figure(name=text, value=1.0, unit=text, note=text),),
            lines=(Line(name=text, x_label=text, y_label=text, points=((0.0, 1.0), (1.0, 2.0))),) if number < 2 else (),
            seconds={"vision": 1.0, "total": 1.0},
            peak_memory_bytes=1_000_000,
            error=None,
            note=text,
            thumbnail=text.encode("utf-8", "replace"),
        )
        for number, text in enumerate(HOSTILE)
    ]


def past_work(days: int = 30, a_day: int = 40) -> list[Described]:
    chance = random.Random(3)
    found = []
    for back in range(days):
        for number in range(chance.randrange(a_day // 4, a_day)):
            kind = "video" if number % 5 == 0 else "image"
            total = chance.lognormvariate(1.6 if kind == "video" else 0.3, 0.5)
            found.append(
                Described(
                    at=NOW - timedelta(days=back, minutes=number),
                    kind=kind,
                    seconds={
                        "queued": 0.4,
                        "decode": 0.1 * total,
                        "vision": 0.5 * total,
                        "generate": 0.4 * total,
                        "total": total,
                    },
                    verdict="suspect" if number % 23 == 0 else "ok",
                    power=("mains", "battery", None)[number % 3],
                    launched_by="launchd" if number % 4 else "terminal",
                )
            )
    return found


FAILURES = {("input", "damaged"): 7, ("input", "too-large"): 2, ("engine", "out-of-memory"): 1}
