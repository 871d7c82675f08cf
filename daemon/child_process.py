"""Our own programs as child processes, found where this program was found, whatever the current folder holds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from config.errors import SmolwatchError
from config.settings import Settings
from daemon.lock import holder

ROOT = Path(__file__).parents[1]
LOOK_SECONDS = 0.05
START_SECONDS = 60.0


def command_of(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", module, *arguments]


def environ_of(environ: Mapping[str, str]) -> dict[str, str]:
    return {**environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), environ.get("PYTHONPATH")]))}


class ChildDaemon:
    """`smolwatch run` on a home of its own, prepared by the caller. `output`: the file for its stdout and stderr."""

    def __init__(self, settings: Settings, *arguments: str, environ: Mapping[str, str], output: Path) -> None:
        self.command = command_of("cli.main", "--home", str(settings.home), "run", *arguments)
        self.environ = environ_of(environ)
        self._settings = settings
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Raises SmolwatchError when it was not started."""
        return self._running().pid

    def start(self, seconds: float = START_SECONDS) -> None:
        """Returns when it holds its home. Raises SmolwatchError when it ends before, or does not within `seconds`."""
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                self.command, env=self.environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        deadline = time.monotonic() + seconds
        while holder(self._settings.lock_file) != self._process.pid:
            self.check_alive()
            if time.monotonic() > deadline:
                raise SmolwatchError(f"The daemon did not start within {seconds:.0f} s.", advice=self.log_advice())
            time.sleep(LOOK_SECONDS)

    def check_alive(self) -> None:
        """Raises SmolwatchError with its exit code and output when it has ended."""
        if (code := self._running().poll()) is not None:
            output = self._output.read_text(encoding="utf-8", errors="replace").strip()
            raise SmolwatchError(f"The daemon ended (exit code {code}). {output}".strip(), advice=self.log_advice())

    def log_advice(self) -> str:
        return f"Its log: {self._settings.log_folder / 'smolwatch.log'}"

    def stop(self, seconds: float) -> int | None:
        """SIGTERM; the exit code, or None when it has not ended within `seconds`."""
        process = self._running()
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """SIGKILL, unless it was not started or has ended."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise SmolwatchError("The daemon is not running.")
        return self._process
