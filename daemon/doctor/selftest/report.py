"""Runs all trials, and makes a report for an issue, without the user's paths and names."""

from __future__ import annotations

import getpass
import os
import platform
import re
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from config.settings import Settings
from config.version import own_version
from daemon.doctor.finding import Finding
from daemon.doctor.selftest.end_to_end import end_to_end
from daemon.doctor.selftest.filesystem import sidecars, watching
from daemon.doctor.selftest.kernels import kernels
from daemon.doctor.selftest.machine_facts import power, sandbox, syncs
from daemon.doctor.selftest.numerics import numerics
from daemon.doctor.selftest.scratch_service import services
from daemon.doctor.selftest.trial_result import Result, TrialResult, run_trial
from daemon.inference.weights.sources import DEMO, ModelFolder

LIBRARIES = ("torch", "transformers", "av", "pillow", "numpy", "watchdog", "sqlalchemy")
#: Shorter names occur within ordinary words, so they are not replaced.
SHORTEST_NAME = 3


@dataclass(frozen=True)
class Report:
    machine: Mapping[str, str]
    lines: Sequence[Finding]
    results: Sequence[TrialResult]

    @property
    def exit_code(self) -> int:
        """1 when a trial failed."""
        return int(any(result.result is Result.FAILED for result in self.results))


def run_trials(
    settings: Settings, model: object, environ: Mapping[str, str], report: Callable[[TrialResult], None]
) -> list[TrialResult]:
    """One after the other in a temporary folder; `report` gets each result. `model`: the chosen one, if it is here."""
    folder = model.path if isinstance(model, ModelFolder) else DEMO
    results = []
    with tempfile.TemporaryDirectory(prefix="smolwatch-") as made:
        for result in trials(Path(made), folder, settings, environ):
            report(result)
            results.append(result)
    return results


def trials(scratch: Path, model: Path, settings: Settings, environ: Mapping[str, str]) -> Iterator[TrialResult]:
    yield run_trial("watching", partial(watching, scratch))
    yield run_trial("sidecars", partial(sidecars, scratch))
    yield run_trial("syncs", partial(syncs, scratch))
    yield run_trial("power", power)
    yield run_trial("sandbox", partial(sandbox, Path.home()))
    yield from kernels()
    yield from numerics(str(model))
    yield from end_to_end(scratch)
    yield from services(scratch, settings, environ)


def report_on(lines: Sequence[Finding], results: Sequence[TrialResult], settings: Settings) -> Report:
    """The report, without the user's own names."""
    hide = anonymizer(settings)
    return Report(
        machine_facts(),
        [replace(line, text=hide(line.text), advice=hide(line.advice)) for line in lines],
        [replace(result, text=hide(result.text)) for result in results],
    )


def machine_facts() -> dict[str, str]:
    system = f"macOS {platform.mac_ver()[0]}" if platform.system() == "Darwin" else platform.platform()
    return {
        "smolwatch": own_version(),
        "system": f"{system}, {platform.machine()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "libraries": ", ".join(f"{name} {version_of(name)}" for name in LIBRARIES),
    }


def version_of(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def anonymizer(settings: Settings) -> Callable[[str], str]:
    """A function that replaces the user's folders, user name and host name in a text."""
    folders = {
        **{inbox.path: "INBOX" for inbox in settings.inboxes},
        **{inbox.output: "OUTPUT" for inbox in settings.inboxes if inbox.output},
        settings.home: "HOME",
        Path(tempfile.gettempdir()): "TMP",
        Path.home(): "~",
    }
    names = {str(path.resolve()): label for path, label in folders.items()} | {
        str(path): label for path, label in folders.items()
    }
    places = sorted(names, key=len, reverse=True)
    private = [name for name in (getpass.getuser(), socket.gethostname()) if len(name) >= SHORTEST_NAME]

    def hide(text: str) -> str:
        for place in places:
            text = text.replace(place, names[place])
        for name in private:
            text = re.sub(rf"\b{re.escape(name)}\b", "NAME", text)
        return text

    return hide
