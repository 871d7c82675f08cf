"""A process on a pseudo-terminal of a chosen size, and what it shows there."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

#: Colours, movements of the cursor and other control sequences.
ANSI = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[@-Z\\-_])")

#: Makes stdin the controlling terminal, so that Ctrl-C becomes a signal, and becomes the command.
TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class TerminalProcess:
    """Killed at the end of `with`. All that it writes is collected."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        columns: int = 80,
        stdout: Path | None = None,
    ) -> None:
        """`stdout`: a file for it, in place of the terminal."""
        self._lead, follow = pty.openpty()
        fcntl.ioctl(follow, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        own = {name: value for name, value in env.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
        with open(stdout or os.devnull, "ab") as file:  # noqa: PTH123 - /dev/null or a path
            self.process = subprocess.Popen(
                [sys.executable, "-c", TAKE_TERMINAL, *command],
                stdin=follow,
                stdout=file if stdout else follow,
                stderr=follow,
                env=own | {"TERM": "xterm-256color"},
                cwd=cwd,
                start_new_session=True,
            )
        os.close(follow)
        self._shown = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while chunk := os.read(self._lead, 65_536):
                self._shown += chunk
        except OSError:  # Linux: the process has closed the terminal
            return

    @property
    def raw(self) -> str:
        return bytes(self._shown).decode("utf-8", "replace")

    @property
    def text(self) -> str:
        """All that was ever shown, without control sequences."""
        return ANSI.sub("", self.raw).replace("\r\n", "\n").replace("\r", "\n")

    def wait_for(self, condition: Callable[[str], object], seconds: float = 30.0) -> str:
        """Until the text fulfils the condition. Raises AssertionError with the text."""
        deadline = time.monotonic() + seconds
        while not condition(self.text):
            assert time.monotonic() < deadline, self.text
            assert self.process.poll() is None or condition(self.text), self.text
            time.sleep(0.05)
        return self.text

    def interrupt(self) -> None:
        """Ctrl-C."""
        os.write(self._lead, b"\x03")

    def wait(self, seconds: float = 30.0) -> int:
        code = self.process.wait(seconds)
        self._reader.join(5)
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._reader.join(5)
        os.close(self._lead)


def last_screen(raw: str) -> list[str]:
    """The lines as they are at the end. Knows carriage returns, line feeds, erased lines and moves upwards alone."""
    lines, row, column = [""], 0, 0
    for part in re.split(r"(\x1b\[[0-?]*[ -/]*[@-~]|\r|\n)", raw):
        if part == "\r":
            column = 0
        elif part == "\n":
            row += 1
            if row == len(lines):
                lines.append("")
        elif found := re.fullmatch(r"\x1b\[(\d*)A", part):
            row = max(0, row - int(found[1] or 1))
        elif part == "\x1b[2K":
            lines[row] = ""
        elif not part.startswith("\x1b"):
            lines[row] = lines[row][:column].ljust(column) + part + lines[row][column + len(part) :]
            column += len(part)
    return lines
