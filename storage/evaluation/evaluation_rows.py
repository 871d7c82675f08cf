"""Evaluations as rows, read back equal. Private to storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Row

from storage.evaluation.evaluation_records import (
    Aspect,
    CaseResult,
    CheckVerdict,
    EvaluationRun,
    Figure,
    Line,
    NewRun,
    Opinion,
    WitnessVerdict,
)


def run_columns(run: NewRun) -> dict[str, Any]:
    values = {each.name: getattr(run, each.name) for each in fields(NewRun)}
    return values | {
        "machine": dict(run.machine),
        "libraries": dict(run.libraries),
        "suites": list(run.suites),
        "options": dict(run.options),
        "case_limit": values.pop("limit"),
        "repeats": values.pop("repeat"),
    }


def run_of(row: Row[Any], finished: int) -> EvaluationRun:
    values = {each.name: getattr(row, each.name) for each in fields(NewRun) if each.name not in ("limit", "repeat")}
    return EvaluationRun(
        **values | {"suites": tuple(row.suites)},
        limit=row.case_limit,
        repeat=row.repeats,
        id=row.id,
        started_at=row.started_at,
        ended_at=row.ended_at,
        finished=finished,
    )


def result_columns(result: CaseResult) -> dict[str, Any]:
    values = {each.name: getattr(result, each.name) for each in fields(CaseResult)}
    return values | {
        "case_name": values.pop("case"),
        "repeat_number": values.pop("repeat"),
        "reference_texts": list(values.pop("references")),
        "plan": list(result.plan),
        "inputs": list(result.inputs),
        "checks": [asdict(check) for check in result.checks],
        "metrics": dict(result.metrics),
        "figures": [asdict(figure) for figure in result.figures],
        "lines": [asdict(line) for line in result.lines],
        "seconds": dict(result.seconds),
        "opinion": None if result.opinion is None else asdict(result.opinion),
    }


def result_of(row: Row[Any]) -> CaseResult:
    other = {"case", "repeat", "references", "plan", "inputs", "checks", "figures", "lines", "opinion"}
    same = {each.name for each in fields(CaseResult)} - other
    return CaseResult(
        **{name: getattr(row, name) for name in same},
        case=row.case_name,
        repeat=row.repeat_number,
        references=tuple(row.reference_texts),
        plan=tuple(row.plan),
        inputs=tuple(row.inputs),
        checks=tuple(CheckVerdict(**check | {"aspect": Aspect(check["aspect"])}) for check in row.checks),
        figures=tuple(Figure(**figure) for figure in row.figures),
        lines=tuple(Line(**line | {"points": tuple((x, y) for x, y in line["points"])}) for line in row.lines),
        opinion=None if row.opinion is None else opinion_of(row.opinion),
    )


def opinion_of(value: Mapping[str, str]) -> Opinion:
    return Opinion(witness=value["witness"], verdict=WitnessVerdict(value["verdict"]), reason=value["reason"])
