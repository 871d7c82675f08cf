"""Whether PyTorch is a CUDA build on a machine without an NVIDIA GPU, and how many bytes that costs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from daemon.doctor.finding import Finding, not_applicable, ok, warning

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
#: The distributions that a CUDA build of PyTorch installs for the GPU alone.
CUDA_ONLY = re.compile(r"(nvidia|cuda)-.*|triton", re.IGNORECASE)


def cuda_bytes(installed: Iterable[Distribution] | None = None) -> int:
    """Bytes on the disk of the libraries that only a CUDA build needs; 0 for a CPU build."""
    installed = distributions() if installed is None else installed
    unused = [found for found in installed if CUDA_ONLY.fullmatch(found.metadata["Name"] or "")]
    return sum(file.size or 0 for found in unused for file in found.files or ())


def build_line(
    device: Mapping[str, Any] | str | None, gpu: str, spent: int, prefix: Path = Path(sys.prefix)
) -> Finding:
    """`device`: what the probe reports. `spent`: bytes of the CUDA libraries. `prefix`: the environment's folder."""
    if device is None:
        return not_applicable("torch", "The engine needs no PyTorch.")
    if isinstance(device, str):
        return not_applicable("torch", "PyTorch cannot be loaded.")
    version = f"PyTorch {device['torch']}"
    if "+cu" not in device["torch"] or device["cuda"] or gpu == "NVIDIA":
        return ok("torch", version)
    size = f"{spent / 1e9:.1f} GB" if spent else "several GB"
    text = f"{version} is the CUDA build, but there is no NVIDIA GPU: {size} of libraries are unused"
    return warning("torch", text, f"To free them, install the CPU build: {reinstall(Path(sys.prefix))}")


def reinstall(prefix: Path) -> str:
    """The commands that replace the environment at `prefix`, for the program that made it, typed in the checkout."""
    if "pipx" in prefix.parts:
        return f'pipx uninstall smolwatch && pipx install --pip-args="--extra-index-url {CPU_INDEX}" .'
    if "uv" in prefix.parts:
        return "uv tool uninstall smolwatch && uv tool install --torch-backend cpu ."
    return f"remove {prefix}, make it again, and in it: pip install --extra-index-url {CPU_INDEX} ."
