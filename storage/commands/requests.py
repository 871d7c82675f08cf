"""A command from one process to the daemon, and its answer. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from config.errors import SmolwatchError
from storage.errors import CommandFailedError


class CommandKind(StrEnum):
    RESCAN = "rescan"  #: list the inbox now; {"compare": true} also reads every described file
    PAUSE = "pause"  #: claim no jobs
    RESUME = "resume"  #: claim jobs again
    CANCEL = "cancel"  #: {"jobs": [7, 8]}: skip these jobs
    RETRY = "retry"  #: {"jobs": [7, 8]}, or {"failed": true} for all that failed: queue them again
    ASK = "ask"  #: a person's question, which the worker takes; see daemon/asking/question.py


@dataclass(frozen=True, kw_only=True)
class Command:
    """`run`: the run of the daemon that may take it. `sender`: the secret with which its answer is read.

    `kind` is text, since a newer command line may send a kind that this daemon does not have.
    """

    id: int
    run: str
    kind: str
    arguments: Mapping[str, Any]
    sender: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Either a result or an error. `is_abandoned`: the run ended, and nothing was done."""

    result: Mapping[str, Any] | None = None
    error: str = ""
    advice: str = ""
    exit_code: int = 1
    is_abandoned: bool = False

    @classmethod
    def of_error(cls, error: SmolwatchError) -> Answer:
        return cls(error=str(error), advice=error.advice, exit_code=error.exit_code)

    @classmethod
    def from_error_json(cls, stored: Mapping[str, Any]) -> Answer:
        return cls(
            error=str(stored.get("error", "")),
            advice=str(stored.get("advice", "")),
            exit_code=int(stored.get("exit_code", 1)),
            is_abandoned=stored.get("is_abandoned") is True,
        )

    def error_json(self) -> dict[str, Any]:
        return {
            "error": self.error,
            "advice": self.advice,
            "exit_code": self.exit_code,
            "is_abandoned": self.is_abandoned,
        }

    def result_or_raise(self) -> Mapping[str, Any]:
        """Raises CommandFailedError with the daemon's message, advice and exit code."""
        if self.result is None:
            raise CommandFailedError(self.error, advice=self.advice, exit_code=self.exit_code)
        return self.result
