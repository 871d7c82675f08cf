"""What the doctor says of one thing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True)
class Finding:
    """`words` say how it is, `advice` what to do about it."""

    name: str
    verdict: Severity
    words: str
    advice: str = ""


def ok(name: str, words: str) -> Finding:
    return Finding(name, Severity.OK, words)


def warning(name: str, words: str, advice: str) -> Finding:
    return Finding(name, Severity.WARNING, words, advice)


def problem(name: str, words: str, advice: str) -> Finding:
    return Finding(name, Severity.PROBLEM, words, advice)


def not_applicable(name: str, words: str) -> Finding:
    return Finding(name, Severity.NOT_APPLICABLE, words)


def exit_code(lines: Iterable[Finding]) -> int:
    """1 when something must be done; warnings are worth reading and no failure."""
    return int(any(line.verdict is Severity.PROBLEM for line in lines))
