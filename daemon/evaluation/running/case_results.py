"""What came of a task, as a result: judged, with its cost. Pure but for the process's peak memory."""

from __future__ import annotations

import resource
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from daemon.evaluation.metrics.answer_checks import check_answer, check_refusal, score_of
from daemon.evaluation.metrics.coherence import coherence_of
from daemon.evaluation.running.case_tasks import CaseTask
from daemon.inference.engine import Figures
from daemon.media.clip import Clip
from daemon.media.thumbnails import thumbnail_of
from storage.evaluation.evaluation_records import MOST_THUMBNAIL_BYTES, CaseResult

#: getrusage counts in bytes on macOS and in KiB elsewhere.
RUSAGE_UNIT = 1 if sys.platform == "darwin" else 1024


def facts_of(task: CaseTask, now: datetime, *, is_shared: bool) -> dict[str, Any]:
    """The fields that every result of the task has."""
    case = task.case
    return {
        "suite": task.suite.name,
        "case": case.name,
        "category": case.category or task.suite.name,
        "plan": tuple(case.plan),
        "inputs": tuple(case.media),
        "question": case.ask or "",
        "references": tuple(case.references),
        "weight": case.weight,
        "repeat": task.repeat,
        "seed": task.seed,
        "temperature": case.temperature,
        "finished_at": now,
        "is_shared": is_shared,
    }


def answered(
    facts: Mapping[str, Any],
    task: CaseTask,
    text: str,
    *,
    complete: bool,
    figures: Figures | None,
    decode_seconds: float,
    others: Mapping[str, str],
) -> CaseResult:
    """`others`: the answers of other cases of the suite, by name."""
    checks = check_answer(task.case, text, others=others)
    seconds = {"decode": decode_seconds} if task.case.media else {}
    seconds |= figures.seconds if figures else {}
    return CaseResult(
        **facts,
        answer=text,
        checks=checks,
        score=score_of(checks),
        metrics={"coherence": coherence_of(text, complete=complete).value},
        seconds=seconds | {"total": sum(seconds.values())},
        tokens_in=figures.tokens_in if figures else 0,
        tokens_out=figures.tokens_out if figures else 0,
        peak_memory_bytes=peak_bytes(),
        device_memory_bytes=figures.device_memory_bytes if figures else 0,
    )


def refused(facts: Mapping[str, Any], task: CaseTask, error: str) -> CaseResult:
    """The media or the question were refused: right if the case expects that, else an error."""
    if task.case.refused is None:
        return CaseResult(**facts, score=0.0, error=error)
    checks = check_refusal(task.case, error)
    return CaseResult(**facts, score=score_of(checks), checks=checks, note=f"Refused: {error}")


def thumbnail(clips: Sequence[Clip]) -> bytes | None:
    """Of the first picture, or of a video's middle frame."""
    if not clips or not clips[0].pictures:
        return None
    pictures = clips[0].pictures
    return thumbnail_of(pictures[len(pictures) // 2], most_bytes=MOST_THUMBNAIL_BYTES)


def peak_bytes() -> int:
    """The largest memory of this process so far, as the system counts it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RUSAGE_UNIT
