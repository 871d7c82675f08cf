"""The result of a device check, stored in the home: a check loads the model a second time, and doubles the start time.

Valid for one release of PyTorch, one system build, one chip, one model and its weights. The file can be deleted at any
time: the next start checks again. A file that cannot be read or written counts as missing.
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

import torch

from daemon.inference.torch.devices import device_name
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


def key_of(folder: Path, device: torch.device, dtype: torch.dtype, *, chip: Callable[[], str] | None = None) -> str:
    """A hash of everything that a verdict depends on. Raises OSError when the folder cannot be listed."""
    weights = sorted(folder.glob("*.safetensors"))
    facts = [
        torch.__version__,
        platform.platform(),
        platform.version(),
        device_name(device),
        (chip or chip_name)(),
        str(dtype),
        *(f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in weights),
    ]
    return hashlib.blake2b("\n".join(facts).encode(), digest_size=16).hexdigest()


def chip_name() -> str:
    """On a Mac such as "Apple M3 Max"; elsewhere the architecture, as the device's own name identifies the chip."""
    if platform.system() != "Darwin":
        return platform.machine()
    try:
        return subprocess.run(CHIP, capture_output=True, timeout=5, check=True).stdout.decode(errors="replace").strip()
    except (OSError, subprocess.SubprocessError):
        return os.uname().machine
