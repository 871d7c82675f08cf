"""What the doctor says of one thing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True)
class Line:
    """`words` say how it is, `advice` what to do about it."""

    name: str
    verdict: Verdict
    words: str
    advice: str = ""


def ok(name: str, words: str) -> Line:
    return Line(name, Verdict.OK, words)


def warning(name: str, words: str, advice: str) -> Line:
    return Line(name, Verdict.WARNING, words, advice)


def problem(name: str, words: str, advice: str) -> Line:
    return Line(name, Verdict.PROBLEM, words, advice)


def not_applicable(name: str, words: str) -> Line:
    return Line(name, Verdict.NOT_APPLICABLE, words)


def exit_code(lines: Iterable[Line]) -> int:
    """1 when something must be done; warnings are worth reading and no failure."""
    return int(any(line.verdict is Verdict.PROBLEM for line in lines))
