"""An evaluation with every field of its records filled, for tests of what stores and shows them."""

from __future__ import annotations

from storage.evaluation.evaluation_records import Aspect, CaseResult, CheckVerdict, Figure, Line, NewRun
from tests.fakes.clock import START

NEW_RUN = NewRun(
    smolwatch="0.1.0",
    machine={"system": "Linux x86_64", "cpu": "A processor", "cores": 2, "memory_bytes": 8_000_000_000},
    libraries={"torch": "2.13.0", "transformers": "5.23.0"},
    model_id="demo",
    revision="1",
    weights_digest="0123abcd",
    engine="torch",
    device="cpu",
    dtype="bfloat16",
    precision="auto",
    detail="balanced",
    suites=("image", "video"),
    suites_digest="4567cdef",
    folder="/home/me/holiday",
    repeat=2,
    limit=5,
    seed=7,
    planned=20,
    control="89abcdef",
    options={"model.id": "demo", "suites": ["image", "/home/me/holiday"]},
)
RESULT = CaseResult(
    suite="image",
    case="red-circle",
    category="image",
    plan=("2.2", "2.3"),
    finished_at=START,
    inputs=("red-circle.png",),
    question="Describe this image in one sentence.",
    answer="A large red circle in the center on a white background.",
    references=("A red circle on white.",),
    checks=(
        CheckVerdict(
            kind="all_of",
            expected='all of "red", "circle"',
            aspect=Aspect.ACCURACY,
            passed=True,
            reason='The answer holds "red" and "circle".',
            weight=2.0,
        ),
        CheckVerdict(
            kind="not_contains",
            expected='not "square"',
            aspect=Aspect.HALLUCINATION,
            passed=False,
            reason='The answer holds "square".',
        ),
    ),
    score=2 / 3,
    weight=1.5,
    metrics={"coherence": 9.0},
    figures=(
        Figure(name="load", value=0.25, unit="s", note="wall clock"),
        Figure(name="load on mps", value=None, unit="s", note="This machine has no Apple GPU."),
    ),
    lines=(Line(name="memory", x_label="pictures", y_label="memory (MB)", points=((0.0, 410.5), (1000.0, 412.0))),),
    seconds={"decode": 0.01, "vision": 0.2, "total": 0.5},
    tokens_in=90,
    tokens_out=14,
    peak_memory_bytes=500_000_000,
    device_memory_bytes=0,
    repeat=0,
    seed=3,
    temperature=1.0,
    skipped=None,
    note="The second of two pictures is shown.",
    thumbnail=b"\xff\xd8\xff\xd9",
)
