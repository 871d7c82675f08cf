"""The port: one program of the system, asked in words, answering with a code and text."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from daemon.errors import ServiceError

#: systemd answers `stop` when the daemon has ended, which may take its TimeoutStopSec.
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class CommandResult:
    """What the program said: `code` 0 for yes."""

    code: int
    out: str = ""
    err: str = ""

    @property
    def ok(self) -> bool:
        return self.code == 0

    @property
    def said(self) -> str:
        """Its own words, in one line."""
        return " ".join((self.err or self.out).split()) or f"exit code {self.code}"


Tool = Callable[..., CommandResult]


def tool(program: str) -> Tool:
    """That program as a function of its arguments. Raises ServiceError when it cannot be run or does not answer."""

    def ask(*arguments: str) -> CommandResult:
        try:
            done = subprocess.run(
                [program, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PATIENCE_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ServiceError(f"{program} {arguments[0]} did not answer: {error}") from error
        return CommandResult(
            done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        )

    return ask
