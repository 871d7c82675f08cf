"""What a device's trial found, kept in the home: a trial loads the model a second time, and takes as long as a start.

It holds for one release of PyTorch, one system build, one chip, one model and its weights. The file may be deleted at
any time: the next start tries again. One that cannot be read or written is as good as none.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from daemon.inference.torch.devices import name_of
from storage.atomic import write_atomically
from storage.errors import ForeignFileError

CHIP = ("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string")


@dataclass(frozen=True)
class DeviceVerdict:
    """The way that was sound, by its words, and why the ways before it were not."""

    way: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class DeviceVerdicts:
    """The last verdict, in `file`."""

    file: Path

    def find(self, key: str) -> DeviceVerdict | None:
        try:
            kept = json.loads(self.file.read_bytes())
            if kept["key"] != key:
                return None
            return DeviceVerdict(str(kept["way"]), tuple(map(str, kept["notes"])))
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def keep(self, key: str, verdict: DeviceVerdict) -> None:
        content = json.dumps({"key": key, **asdict(verdict)}, indent=2).encode()
        with suppress(OSError, ForeignFileError):
            write_atomically(self.file, content, mode=0o600, replace_ours=lambda _: True)


def key_of(folder: Path, device: torch.device, dtype: torch.dtype, *, chip: Callable[[], str] | None = None) -> str:
    """A hash of all that a verdict depends on. Raises OSError when the folder cannot be listed."""
    weights = sorted(folder.glob("*.safetensors"))
    facts = [
        torch.__version__,
        platform.platform(),
        platform.version(),
        name_of(device),
        (chip or chip_name)(),
        str(dtype),
        *(f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in weights),
    ]
    return hashlib.blake2b("\n".join(facts).encode(), digest_size=16).hexdigest()


def chip_name() -> str:
    """As a Mac knows it ("Apple M3 Max"); elsewhere the device's own name says enough."""
    if platform.system() != "Darwin":
        return platform.machine()
    try:
        return subprocess.run(CHIP, capture_output=True, timeout=5, check=True).stdout.decode(errors="replace").strip()
    except (OSError, subprocess.SubprocessError):
        return os.uname().machine
