"""The measurements by name, and a measurement as a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.errors import EngineError, MediaError
from daemon.evaluation.measuring import (
    download_measures,
    environment_measures,
    loading_measures,
    memory_pressure,
    peak_memory,
    performance_measures,
    stress_measures,
)
from daemon.evaluation.measuring.situation import Measurement, Situation
from daemon.evaluation.metrics.answer_checks import score_of
from daemon.evaluation.running.case_results import peak_bytes
from storage.evaluation.evaluation_records import CaseResult

MEASUREMENTS: Mapping[str, Measurement] = {
    "versions": environment_measures.versions,
    "accelerators": environment_measures.accelerators,
    "model-support": environment_measures.model_support,
    "processor-load": loading_measures.processor_load,
    "model-load": loading_measures.model_load,
    "configuration": loading_measures.configuration,
    "url-and-file": download_measures.url_and_file,
    "broken-download": download_measures.broken_download,
    "too-long-question": stress_measures.too_long_question,
    "memory-line": stress_measures.memory_line,
    "concurrent-requests": stress_measures.concurrent_requests,
    "memory-pressure": memory_pressure.memory_pressure,
    "large-batch": stress_measures.large_batch,
    "one-picture": performance_measures.one_picture,
    "picture-sizes": performance_measures.picture_sizes,
    "video-lengths": performance_measures.video_lengths,
    "memory-by-input": peak_memory.memory_by_input,
    "batches": performance_measures.batches,
    "precisions": performance_measures.precisions,
}
#: What a case measures that names no count.
DEFAULT_COUNT = 8


def measured(name: str, situation: Situation, facts: Mapping[str, Any]) -> CaseResult:
    """`facts`: the fields of the result that the case gives. A failure of the model or of a file is the result's."""
    try:
        found = MEASUREMENTS[name](situation)
    except (EngineError, MediaError) as error:
        return CaseResult(**facts, score=0.0, error=str(error))
    return CaseResult(
        **facts,
        answer=found.text,
        checks=found.checks,
        figures=found.figures,
        lines=found.lines,
        score=0.0 if found.skipped else score_of(found.checks),
        skipped=found.skipped,
        peak_memory_bytes=peak_bytes(),
    )
