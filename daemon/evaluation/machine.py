"""The machine and the libraries of a measurement."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil

from daemon.inference.torch.roofline import thread_count

LIBRARIES = ("torch", "transformers", "pillow", "av", "numpy", "tokenizers")
CPU_FACTS = Path("/proc/cpuinfo")


def machine_facts(device_name: str) -> dict[str, object]:
    """`device_name`: the device's own name."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": cpu_name(),
        "device": device_name,
        "cores": os.cpu_count() or 1,
        "threads": thread_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def cpu_name(facts: Path = CPU_FACTS) -> str:
    """From /proc/cpuinfo on Linux; elsewhere from Python."""
    lines = facts.read_text(encoding="utf-8", errors="replace").splitlines() if facts.is_file() else []
    names = [value.strip() for key, _, value in (line.partition(":") for line in lines) if key.strip() == "model name"]
    return names[0] if names else platform.processor() or platform.machine()
