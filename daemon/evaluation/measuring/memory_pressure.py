"""The same requests with much memory and with little: each time in a process of its own, whose memory is limited."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from config.settings import Settings
from daemon.errors import EngineError
from daemon.evaluation.fresh_process import in_fresh_process
from daemon.evaluation.measuring.peak_meter import peak_meter
from daemon.evaluation.measuring.situation import Measured, Situation, answer_all, checked, timed
from daemon.inference.engine import Engine, Reply, Request
from storage.evaluation.evaluation_records import Figure

TOKENS = 32
#: Of the memory that the requests take where there is enough, beside the loaded model.
SHARE = 0.25
STATUS = Path("/proc/self/status")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Answers and errors by request. `taken`: bytes beside the loaded model, at the peak; `rows`: the largest batch."""

    answers: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    taken: int = 0
    rows: int = 0
    seconds: float = 0.0


def memory_pressure(situation: Situation) -> Measured:
    """On a CPU under Linux: elsewhere nothing limits the memory of a process."""
    if sys.platform != "linux":
        return Measured(skipped="Only Linux can limit the memory of a process.")
    if situation.info.device not in ("cpu", "none"):
        return Measured(skipped="The model runs on a GPU here, whose memory cannot be limited.")
    requests = situation.requests(situation.count, tokens=TOKENS)
    ask = partial(in_fresh_process, outcome_of, situation.timed_engine, situation.settings, requests)
    enough = ask(None)
    allowed = int(SHARE * enough.taken)
    try:
        little = ask(allowed)
    except EngineError as error:  # the process did not survive
        check = checked("survives", "answers or refusals", False, str(error))
        return Measured(figures=figures_of("enough memory", enough), checks=(check,))
    return judged(enough, little, allowed)


def judged(enough: Outcome, little: Outcome, allowed: int) -> Measured:
    """`allowed`: the bytes that `little` could take."""
    same = sum(little.answers.get(name) == answer for name, answer in enough.answers.items())
    in_words = sum("memory" in error for error in little.errors.values())
    count = len(enough.answers) + len(enough.errors)
    note = "beside the loaded model, as Linux limits it (RLIMIT_DATA)"
    reason = f"{same} of {count} answers are equal, {in_words} were refused for lack of memory."
    return Measured(
        text=reason,
        figures=(
            *figures_of("enough memory", enough),
            Figure(name="allowed", value=float(allowed), unit="bytes", note=note),
            *figures_of("little memory", little),
        ),
        checks=(checked("answers", "equal answers, or refusals in words", same + in_words == count, reason),),
    )


def figures_of(name: str, found: Outcome) -> tuple[Figure, ...]:
    return (
        Figure(name=f"{name}: taken", value=float(found.taken), unit="bytes", note="peak beside the loaded model"),
        Figure(name=f"{name}: largest batch", value=float(found.rows), unit="rows"),
        Figure(name=f"{name}: all answers", value=found.seconds, unit="s", note="submitted at once"),
    )


def outcome_of(
    make: Callable[[Settings], Engine], settings: Settings, requests: Sequence[Request], allowed: int | None
) -> Outcome:
    """For a process of its own, which may take `allowed` bytes more than with the loaded model; None: any number."""
    replies = list[Reply]()
    with closing(make(settings)) as engine:
        engine.load()
        answer_all(engine, requests[:1], at_once=1)  # whatever the first answer of a process loads is there
        before, meter = resource.getrlimit(resource.RLIMIT_DATA), peak_meter()
        if allowed is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (data_bytes() + allowed, before[1]))
        seconds = timed(lambda: replies.extend(answer_all(engine, requests, at_once=len(requests))))
        resource.setrlimit(resource.RLIMIT_DATA, before)
        peak = meter.stop()
    return Outcome(
        answers={reply.id: next(iter(reply.answers.values())).text for reply in replies if reply.error is None},
        errors={reply.id: str(reply.error) for reply in replies if reply.error is not None},
        taken=peak - meter.level,
        rows=max((reply.figures.batch_rows for reply in replies if reply.figures), default=0),
        seconds=seconds,
    )


def data_bytes() -> int:
    """What counts for RLIMIT_DATA now."""
    lines = STATUS.read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:"))
