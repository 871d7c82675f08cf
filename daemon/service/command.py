"""The port to a program of the system: arguments in, exit code and text out."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from daemon.errors import ServiceError

#: `systemctl stop` returns when the daemon has ended, which may take its TimeoutStopSec.
TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True)
class CommandResult:
    """Exit code and output of the program; `code` 0 is success."""

    code: int
    out: str = ""
    err: str = ""

    @property
    def ok(self) -> bool:
        return self.code == 0

    @property
    def message(self) -> str:
        """Its error output, else its output, in one line."""
        return " ".join((self.err or self.out).split()) or f"exit code {self.code}"


Command = Callable[..., CommandResult]


def command_for(program: str) -> Command:
    """The program as a function of its arguments. Raises ServiceError when it cannot be run or times out."""

    def run(*arguments: str) -> CommandResult:
        try:
            done = subprocess.run(
                [program, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ServiceError(f"{program} {arguments[0]} failed: {error}") from error
        return CommandResult(
            done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        )

    return run
