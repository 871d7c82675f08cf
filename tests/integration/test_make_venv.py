"""`.ci/make-venv` says before pip what a Mac lacks. Here the Mac is made of the three programs that it asks."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.checkout import ROOT


class Checkout:
    """A folder with the script, a Python that only logs its arguments, and a system that reports what the test sets."""

    def __init__(self, folder: Path, *, system: str = "Darwin", machine: str = "arm64", macos: str = "15.3") -> None:
        self.folder = folder
        (folder / ".ci").mkdir()
        shutil.copy(ROOT / ".ci" / "make-venv", folder / ".ci")
        self.log = folder / "log"
        self.program(".venv/bin/python", f'echo "$@" >> "{self.log}"')
        self.program("system/uname", f'[ "$1" = -m ] && echo {machine} || echo {system}')
        self.program("system/sw_vers", f"echo {macos}")
        self.program("system/sysctl", "echo 0")

    def program(self, name: str, does: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\n{does}\n")
        file.chmod(0o755)

    def make(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.folder / ".ci" / "make-venv")],
            env={"PATH": f"{self.folder / 'system'}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    @property
    def has_installed(self) -> bool:
        return self.log.exists() and "-m pip install" in self.log.read_text()


@pytest.mark.parametrize(
    ("machine", "macos", "words"),
    [
        ("arm64", "13.7.1", "needs macOS 14 or newer, since PyTorch does. This Mac has macOS 13.7.1."),
        ("arm64", "11.0", "Software Update"),
        ("x86_64", "15.3", "needs a Mac with Apple silicon"),
        ("x86_64", "13.7.1", "needs a Mac with Apple silicon"),
    ],
)
def test_an_unsupported_mac_is_reported_before_pip_runs(tmp_path: Path, machine: str, macos: str, words: str) -> None:
    checkout = Checkout(tmp_path, machine=machine, macos=macos)
    done = checkout.make()
    assert done.returncode == 1
    assert words in " ".join(done.stderr.split())
    assert not checkout.has_installed


def test_a_terminal_under_rosetta_gets_advice_how_to_leave_it(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, machine="x86_64")
    checkout.program("system/sysctl", '[ "$*" = "-n sysctl.proc_translated" ] && echo 1')
    done = checkout.make()
    assert done.returncode == 1
    assert "Open using Rosetta" in done.stderr
    assert not checkout.has_installed


@pytest.mark.parametrize("macos", ["14.0", "15.7.1", "26.5.2"])
def test_a_supported_mac_goes_on_without_a_message(tmp_path: Path, macos: str) -> None:
    checkout = Checkout(tmp_path, macos=macos)
    done = checkout.make()
    assert (done.returncode, done.stderr) == (0, "")
    assert checkout.has_installed


def test_an_untested_macos_goes_on_with_a_message(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, macos="27.0")
    done = checkout.make()
    assert done.returncode == 0
    assert "untried on macOS 27.0" in done.stderr
    assert checkout.has_installed


def test_the_checks_of_a_mac_do_not_run_on_linux(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, system="Linux", machine="x86_64")
    checkout.program("system/sw_vers", "exit 127")
    done = checkout.make()
    assert (done.returncode, done.stderr) == (0, "")
    assert checkout.has_installed
