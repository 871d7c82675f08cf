"""A user with a fake service manager: a home folder with a difficult name, and a PATH with the fake alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from daemon.service.launchd import LABEL
from tests.support.checkout import ROOT
from tests.support.waiting import wait_for

FAKES = Path(__file__).parent
#: The user nobody, who can read this checkout anywhere: root cannot install the service.
NOT_ROOT = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),
)


class ServiceUser:
    """Runs `smolwatch …` in a folder of their own; `system` is the fake's state."""

    def __init__(self, tool: str | None) -> None:
        # Not below pytest's folder, which the user of these tests cannot read.
        folder = self._folder = Path(tempfile.mkdtemp(prefix="smolwatch-"))
        folder.chmod(0o755)
        self.home = folder / "Jörg Müller %h"
        self.smolwatch_home = self.home / "SmolWatch"
        self.system = folder / "system"
        tools = folder / "tools"
        for made in (self.home, self.system, self.system / "jobs", tools):
            made.mkdir()
        for name in ("tail", "setpriv", "env"):
            (tools / name).symlink_to(str(shutil.which(name)))
        (tools / "python3").symlink_to(sys.executable)
        for name in ("job.py", "program", *filter(None, [tool])):
            shutil.copy(FAKES / name, tools)
        self.environ = {
            "HOME": str(self.home),
            "PATH": str(tools),
            "PYTHONPATH": str(ROOT),
            "FAKE_SERVICE": str(self.system),
            "FAKE_PROGRAM": str(tools / "program"),
        }
        self.as_root = False
        if os.geteuid() == 0:
            for made in (folder, *folder.rglob("*")):
                os.chown(made, 65534, 65534, follow_symlinks=False)

    @property
    def plist(self) -> Path:
        return self.home / "Library" / "LaunchAgents" / f"{LABEL}.plist"

    @property
    def unit(self) -> Path:
        return self.home / ".config" / "systemd" / "user" / "smolwatch.service"

    def run(self, *words: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
        before = ("--home", str(home)) if home else ()
        command = [sys.executable, "-m", "cli.main", *before, *words]
        if os.geteuid() == 0 and not self.as_root:
            command = [*NOT_ROOT, *command]
        return subprocess.run(
            command, env=self.environ, cwd=self.home, capture_output=True, text=True, timeout=50, check=False
        )

    def run_ok(self, *words: str) -> str:
        """The output of a command that must succeed."""
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def service_status(self) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(self.run("service", "status", "--json").stdout)
        return status

    def running_status(self) -> dict[str, Any]:
        return wait_for(lambda: status if (status := self.service_status())["status"] == "running" else {})

    def calls(self) -> list[str]:
        """The fake's calls since the last look, without queries; labels and paths shortened."""
        file = self.system / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        uid = 65534 if os.geteuid() == 0 else os.geteuid()
        short = [
            line.replace(str(self.plist), "PLIST").replace(LABEL, "LABEL").replace(f"/{uid}", "/UID") for line in lines
        ]
        return [line for line in short if line.split()[0] not in ("print", "show", "show-environment")]

    def set_fake(self, name: str, text: str = "") -> None:
        """A file in the fake's folder that changes what it does."""
        (self.system / name).write_text(text)

    def write_home_file(self, name: str, text: str) -> None:
        """Write a file in smolwatch's home that changes what the fake daemon does."""
        (self.smolwatch_home / name).write_text(text)

    def close(self) -> None:
        """Stop all processes and remove all files."""
        self.system.joinpath("bootstrap-errors").unlink(missing_ok=True)
        for where in (self.system / "jobs").iterdir():
            (where / "stopping").touch()
            for name, number in (("pid", 15), ("watcher", 9)):
                file = where / name
                if file.exists():
                    try:
                        os.kill(int(file.read_text()), number)
                    except ProcessLookupError:
                        continue
        shutil.rmtree(self._folder)


@contextmanager
def service_user(tool: str | None) -> Iterator[ServiceUser]:
    user = ServiceUser(tool)
    try:
        yield user
    finally:
        user.close()


def can_be_a_user() -> bool:
    """Whether tests may run as another user than root, or are not root anyway."""
    return os.geteuid() != 0 or (
        shutil.which("setpriv") is not None and subprocess.run([*NOT_ROOT, "true"], capture_output=True).returncode == 0
    )


needs_a_user = pytest.mark.skipif(not can_be_a_user(), reason="root here cannot become another user (setpriv)")
