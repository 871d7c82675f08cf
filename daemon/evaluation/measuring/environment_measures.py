"""Versions, devices, and whether the libraries support the model."""

from __future__ import annotations

import platform
from importlib.metadata import requires, version
from importlib.util import find_spec

from packaging.requirements import Requirement

from daemon.evaluation.measuring.situation import Measured, Situation, checked
from storage.evaluation.evaluation_records import Figure

NAMES = {"cuda": "NVIDIA GPU (CUDA)", "mps": "Apple GPU (MPS)", "cpu": "CPU"}


def versions(_: Situation) -> Measured:
    """Whether each library has a version that smolwatch allows."""
    from daemon.evaluation.machine import LIBRARIES, version_of  # it imports torch, which takes its defaults then

    libraries = {name: has for name in LIBRARIES if (has := version_of(name)) is not None}
    found = {"python": platform.python_version()} | libraries
    checks = []
    for requirement in map(Requirement, requires("smolwatch") or []):
        if requirement.name in found and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            has = found[requirement.name]
            passed = requirement.specifier.contains(has, prereleases=True)
            checks.append(checked("version", str(requirement), passed, f"{requirement.name} {has} is installed."))
    text = ", ".join(f"{name} {number}" for name, number in found.items())
    return Measured(text=text, checks=tuple(checks))


def accelerators(situation: Situation) -> Measured:
    """Which devices torch was built for and this machine has, and MLX."""
    from daemon.evaluation.machine import version_of
    from daemon.inference.torch.devices import accelerators as devices

    figures, texts = [], []
    for device, (is_built, is_here) in devices().items():
        state = "available" if is_here else "not on this machine" if is_built else "not built into this torch"
        texts.append(f"{NAMES[device]}: {state}")
        figures.append(Figure(name=device, value=float(is_here), unit="", note=state))
    mlx = version_of("mlx")
    texts.append(f"MLX: {mlx or 'not installed'}")
    figures.append(Figure(name="mlx", value=float(mlx is not None), unit="", note=mlx or "not installed"))
    used = situation.info.device
    check = checked(
        "device", "the model runs", True, f"The model runs on {NAMES.get(used, used)} in {situation.info.dtype}."
    )
    return Measured(text="; ".join(texts), figures=tuple(figures), checks=(check,))


def model_support(_: Situation) -> Measured:
    """Whether transformers has SmolVLM, and what its processor needs."""
    has_model = find_spec("transformers.models.smolvlm") is not None
    has_numbers = find_spec("num2words") is not None
    return Measured(
        text=f"transformers {version('transformers')}",
        checks=(
            checked("module", "transformers has SmolVLM", has_model, "It has." if has_model else "It has not."),
            checked("module", "num2words", has_numbers, "It is installed." if has_numbers else "It is not installed."),
        ),
    )
