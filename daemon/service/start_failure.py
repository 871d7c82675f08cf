"""Why a service's daemon did not start, kept in a file for `status`.

launchd restarts every program that ends with an error, so a daemon with a permanent error ends with 0 and leaves this.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from config.errors import AlreadyRunningError, ConfigError, SmolwatchError
from storage.atomic import write_atomically

#: Exit codes of errors that a restart does not cure.
PERMANENT = {AlreadyRunningError.exit_code, ConfigError.exit_code}


@dataclass(frozen=True)
class StartFailure:
    """`at` is ISO-8601 in UTC."""

    at: str
    exit_code: int
    reason: str
    advice: str = ""


def failure_file(home: Path) -> Path:
    return home / "data" / "refusal.json"


def write_failure(home: Path, error: SmolwatchError, at: str) -> None:
    """Write down a permanent error. Raises OSError if the home cannot be written."""
    file = failure_file(home)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = json.dumps(asdict(StartFailure(at, error.exit_code, str(error), error.advice))).encode()
    write_atomically(file, text, mode=0o600, replace_ours=lambda _: True)


def read_failure(home: Path) -> StartFailure | None:
    """The last start's failure; None if it did not fail."""
    try:
        return StartFailure(**json.loads(failure_file(home).read_bytes()))
    except (OSError, ValueError, TypeError):  # missing or damaged
        return None


def forget_failure(home: Path) -> None:
    failure_file(home).unlink(missing_ok=True)
