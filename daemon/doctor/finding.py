"""One result of a check."""

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
    """`text` is the state, `advice` what to do about it."""

    name: str
    severity: Severity
    text: str
    advice: str = ""


def ok(name: str, text: str) -> Finding:
    return Finding(name, Severity.OK, text)


def warning(name: str, text: str, advice: str) -> Finding:
    return Finding(name, Severity.WARNING, text, advice)


def problem(name: str, text: str, advice: str) -> Finding:
    return Finding(name, Severity.PROBLEM, text, advice)


def not_applicable(name: str, text: str) -> Finding:
    return Finding(name, Severity.NOT_APPLICABLE, text)


def exit_code(lines: Iterable[Finding]) -> int:
    """1 if there is a problem, else 0; warnings do not count."""
    return int(any(line.severity is Severity.PROBLEM for line in lines))
