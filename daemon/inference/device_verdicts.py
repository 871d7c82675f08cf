"""The result of a device check, stored in the home: a check loads the model a second time, and doubles the start time.

Valid for one release of the backend's library, one system build, one chip, one model and its weights. The file can be
deleted at any time: the next start checks again. A file that cannot be read or written counts as missing.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from storage.atomic import write_atomically
from storage.errors import ForeignFileError

CHIP = ("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string")


@dataclass(frozen=True)
class DeviceVerdict:
    """The label of the run mode that was correct, and why the modes before it were not."""

    mode: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class DeviceVerdicts:
    """The last verdict, in `file`."""

    file: Path

    def find(self, key: str) -> DeviceVerdict | None:
        try:
            stored = json.loads(self.file.read_bytes())
            if stored["key"] != key:
                return None
            return DeviceVerdict(str(stored["way"]), tuple(map(str, stored["notes"])))
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def keep(self, key: str, verdict: DeviceVerdict) -> None:
        content = json.dumps({"key": key, "way": verdict.mode, "notes": verdict.notes}, indent=2).encode()
        with suppress(OSError, ForeignFileError):
            write_atomically(self.file, content, mode=0o600, replace_ours=lambda _: True)


def key_of(*facts: str, folder: Path | None = None, chip: Callable[[], str] | None = None) -> str:
    """A hash of everything that a verdict depends on: the backend's `facts`, system, chip and the weights in `folder`.

    Raises OSError when the folder cannot be listed.
    """
    weights = [] if folder is None else sorted(folder.glob("*.safetensors"))
    all_facts = [
        *facts,
        platform.platform(),
        platform.version(),
        (chip or chip_name)(),
        *(f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in weights),
    ]
    return hashlib.blake2b("\n".join(all_facts).encode(), digest_size=16).hexdigest()


def chip_name() -> str:
    """On a Mac such as "Apple M3 Max"; elsewhere the architecture, as the device's own name identifies the chip."""
    if platform.system() != "Darwin":
        return platform.machine()
    try:
        return subprocess.run(CHIP, capture_output=True, timeout=5, check=True).stdout.decode(errors="replace").strip()
    except (OSError, subprocess.SubprocessError):
        return os.uname().machine
