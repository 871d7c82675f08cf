"""The program: the system, Python, smolwatch's packages and SQLite."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

from config.version import own_version
from daemon.child_process import ROOT
from daemon.doctor.finding import Finding, ok, problem, warning
from storage.health import SQLITE_VERSION, has_wal_reset_bug

OLDEST, TOO_NEW = (3, 11), (3, 15)
#: Of macOS: the libraries have no wheels for older ones (checked with `pip`, November 2026); newer ones are untested.
OLDEST_MACOS, NEWEST_MACOS = 14, 26
OURS = ("cli", "config", "daemon", "storage")
NEW_ENVIRONMENT = "Install smolwatch in an environment of its own, with pipx or uv tool."


@dataclass(frozen=True, kw_only=True)
class ProgramFacts:
    """`folders`: where our packages are imported from. `others`: other distributions with a package of that name.

    `system`: its name, macOS's version (empty elsewhere) and the processor's kind, from `platform`.
    `translated`: an Intel build that runs on an Apple processor.
    """

    version: str
    system: tuple[str, str, str]
    python: tuple[int, ...]
    translated: bool
    sqlite: tuple[int, ...]
    folders: Mapping[str, Path | None]
    others: Mapping[str, Sequence[str]]


def look_at_program() -> ProgramFacts:
    brought = packages_distributions()
    return ProgramFacts(
        version=own_version(),
        system=(platform.system(), platform.mac_ver()[0], platform.machine()),
        python=sys.version_info[:3],
        translated=is_translated(),
        sqlite=SQLITE_VERSION,
        folders={name: folder_of(name) for name in OURS},
        others={name: sorted(set(brought.get(name, ())) - {"smolwatch"}) for name in OURS},
    )


def folder_of(package: str) -> Path | None:
    spec = find_spec(package)
    return Path(spec.origin).parent.parent if spec is not None and spec.origin else None


def is_translated() -> bool:
    if platform.system() != "Darwin":
        return False
    asked = subprocess.run(["/usr/sbin/sysctl", "-n", "sysctl.proc_translated"], capture_output=True, check=False)
    return asked.stdout.strip() == b"1"


def findings(program: ProgramFacts) -> Iterator[Finding]:
    yield system_line(*program.system, translated=program.translated)
    yield python_line(program)
    yield packages_line(program)
    yield sqlite_line(program)


def system_line(name: str, macos: str, machine: str, *, translated: bool) -> Finding:
    """Whether the libraries support this system. A translated Python is the next check's."""
    if name == "Linux":
        return ok("system", f"Linux on {machine}")
    if name != "Darwin":
        return problem("system", f"smolwatch is untested on {name}", "Use it on macOS or Linux.")
    major = int(macos.split(".")[0] or 0)
    if machine != "arm64" and not translated:
        text = f"macOS {macos} on an Intel processor, which PyTorch no longer supports"
        return problem("system", text, "Use a Mac with Apple silicon (M1 or newer), or Linux.")
    if major < OLDEST_MACOS:
        text = f"macOS {macos}, which PyTorch no longer supports"
        advice = f"Update to macOS {OLDEST_MACOS} or newer under System Settings > General > Software Update."
        return problem("system", text, advice)
    text = f"macOS {macos} on Apple silicon"
    if major > NEWEST_MACOS:
        return warning("system", f"{text}, where smolwatch is untested", "Test it: smolwatch doctor --self-test")
    return ok("system", text)


def python_line(program: ProgramFacts) -> Finding:
    text = f"Python {dotted(program.python)}"
    if not OLDEST <= program.python[:2] < TOO_NEW:
        supported = f"{dotted(OLDEST)} to {TOO_NEW[0]}.{TOO_NEW[1] - 1}"
        return problem("python", text, f"Install smolwatch with Python {supported}.")
    if program.translated:
        advice = "Install smolwatch with a Python for Apple processors (arm64): otherwise the GPU cannot be used."
        return problem("python", f"{text}, an Intel build that is translated on this Mac", advice)
    return ok("python", text)


def packages_line(program: ProgramFacts) -> Finding:
    foreign = [name for name, folder in program.folders.items() if folder != ROOT]
    if foreign:
        where = ", ".join(f"{name} is imported from {program.folders[name] or 'nowhere'}" for name in foreign)
        return problem("packages", f"Not all packages are smolwatch's: {where}", NEW_ENVIRONMENT)
    rivals = [f"{name} of {' and '.join(others)}" for name, others in program.others.items() if others]
    if rivals:
        text = f"Another distribution has packages of the same names: {', '.join(rivals)}"
        return problem("packages", text, NEW_ENVIRONMENT)
    return ok("packages", f"smolwatch {program.version}, all from one folder")


def sqlite_line(program: ProgramFacts) -> Finding:
    text = f"SQLite {dotted(program.sqlite)}"
    if has_wal_reset_bug(program.sqlite):
        return warning(
            "sqlite",
            f"{text} has a bug that can, very rarely, damage a database while two processes write to it",
            "Use a Python whose SQLite is 3.51.3 or newer, and make backups: smolwatch db backup",
        )
    return ok("sqlite", text)


def dotted(version: Sequence[int]) -> str:
    return ".".join(map(str, version))
