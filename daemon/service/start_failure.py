"""Why a service's daemon would not start, kept where `status` finds it.

launchd starts anew whatever ends with an error, so a daemon that cannot help itself ends with 0, and leaves this.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from config.errors import AlreadyRunningError, ConfigError, SmolwatchError
from storage.atomic import write_atomically

#: Exit codes that a new start would only meet again.
PERMANENT = {AlreadyRunningError.exit_code, ConfigError.exit_code}


@dataclass(frozen=True)
class StartFailure:
    """`at` is ISO-8601 in UTC."""

    at: str
    exit_code: int
    reason: str
    advice: str = ""


def refusal_file(home: Path) -> Path:
    return home / "data" / "refusal.json"


def refuse(home: Path, error: SmolwatchError, at: str) -> None:
    """Leave word of a permanent error. Raises OSError where the home cannot be written."""
    file = refusal_file(home)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    words = json.dumps(asdict(StartFailure(at, error.exit_code, str(error), error.advice))).encode()
    write_atomically(file, words, mode=0o600, replace_ours=lambda _: True)


def refusal(home: Path) -> StartFailure | None:
    """Why the last start was refused; None: it was not."""
    try:
        return StartFailure(**json.loads(refusal_file(home).read_bytes()))
    except (OSError, ValueError, TypeError):  # not there, or not whole
        return None


def forget_refusal(home: Path) -> None:
    refusal_file(home).unlink(missing_ok=True)
