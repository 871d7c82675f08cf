"""The machine and the libraries of a measurement."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from daemon.inference.torch.roofline import thread_count

LIBRARIES = ("torch", "mlx", "transformers", "pillow", "av", "numpy", "tokenizers")
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
        "libraries": {name: found for name in LIBRARIES if (found := version_of(name))},
    }


def version_of(library: str) -> str | None:
    """None where it is not installed: MLX need not be."""
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def cpu_name(facts: Path = CPU_FACTS) -> str:
    """From /proc/cpuinfo on Linux; elsewhere from Python."""
    lines = facts.read_text(encoding="utf-8", errors="replace").splitlines() if facts.is_file() else []
    names = [value.strip() for key, _, value in (line.partition(":") for line in lines) if key.strip() == "model name"]
    return names[0] if names else platform.processor() or platform.machine()
