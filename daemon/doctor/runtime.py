"""What describing rests on: the codecs, the device, the decoder's sandbox, and the model's files.

Each is looked at in a process of its own, so that a broken library is a line and not a crash.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.errors import ModelUnavailableError
from config.settings import Settings
from daemon.doctor.finding import Finding, not_applicable, ok, problem, warning
from daemon.doctor.subprocesses import NoOutputError, told_by
from daemon.doctor.torch_build import build_line, cuda_bytes
from daemon.errors import DecoderMissingError
from daemon.inference.smolvlm.checkpoint import damaged_weights
from daemon.inference.weights.sources import ModelFolder, find_model, identity_of
from daemon.media.decoder.decoder import Decoder
from daemon.media.decoder.sandbox.lockdown import Sandbox

NVIDIA = Path("/proc/driver/nvidia/version")
ANEW = "Install smolwatch anew, in an environment of its own (pipx reinstall smolwatch)."


@dataclass(frozen=True, kw_only=True)
class RuntimeFacts:
    """`codecs` and `device` are what their programs tell, or why they tell nothing. `sandbox`: likewise.

    `model` is the chosen one, or why it is not here; None for an engine without a model. `damaged`: which of its
    weights are cut off. `gpu`: what the machine has, whether it can be used or not. `cuda_bytes`: the size of the CUDA
    libraries.
    """

    codecs: Mapping[str, Any] | str
    device: Mapping[str, Any] | str | None
    sandbox: Sandbox | str
    model: ModelFolder | ModelUnavailableError | None
    damaged: Sequence[str] = ()
    named: str = ""
    gpu: str = ""
    cuda_bytes: int = 0


def look_at_parts(settings: Settings) -> RuntimeFacts:
    chosen, has_model = settings.model, settings.model.engine != "echo"
    model = look_at_model(settings) if has_model else None
    return RuntimeFacts(
        codecs=told_or_why("daemon.media.probe_codecs"),
        device=told_or_why("daemon.inference.torch.probe_device", chosen.device, chosen.precision)
        if has_model
        else None,
        sandbox=look_at_sandbox(),
        model=model,
        damaged=damaged_weights(model.path) if isinstance(model, ModelFolder) else (),
        named="@".join(identity_of(chosen.id, chosen.revision)),
        gpu=gpu_here(),
        cuda_bytes=cuda_bytes() if has_model else 0,
    )


def told_or_why(module: str, *arguments: str) -> Mapping[str, Any] | str:
    try:
        return told_by(module, *arguments)
    except NoOutputError as why:
        return str(why)


def look_at_model(settings: Settings) -> ModelFolder | ModelUnavailableError:
    try:
        return find_model(settings)
    except ModelUnavailableError as error:
        return error


def look_at_sandbox() -> Sandbox | str:
    with closing(Decoder()) as decoder:
        try:
            return decoder.sandbox()
        except DecoderMissingError as error:
            return f"{error} ({error.detail})" if error.detail else str(error)


def gpu_here() -> str:
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return "Apple"
    return "NVIDIA" if NVIDIA.exists() else ""


def lines(parts: RuntimeFacts, settings: Settings) -> Iterator[Finding]:
    yield codecs_line(parts.codecs)
    yield sandbox_line(parts.sandbox)
    yield device_line(parts, settings)
    yield build_line(parts.device, parts.gpu, parts.cuda_bytes)
    yield model_line(parts)


def codecs_line(codecs: Mapping[str, Any] | str) -> Finding:
    if isinstance(codecs, str):
        return problem("codecs", f"Pictures and videos cannot be opened: {codecs}", ANEW)
    words = f"PyAV {codecs['av']}, Pillow {codecs['pillow']}"
    if missing := codecs["missing"]:
        return warning("codecs", f"{words}; these formats cannot be opened: {', '.join(missing)}", ANEW)
    return ok("codecs", f"{words}; every format that smolwatch takes can be opened")


def sandbox_line(sandbox: Sandbox | str) -> Finding:
    if isinstance(sandbox, str):
        advice = "Free memory and processes, and look into the log; then type the same again."
        return problem("decoder", sandbox, advice)
    if sandbox.kind == "none":
        advice = (
            "Files are opened in a process with limits, but it is not locked in. Give smolwatch only files that you "
            "trust, or run it on macOS, or on Linux 5.13 or newer."
        )
        return warning("decoder", f"The decoder has no sandbox ({sandbox.reason})", advice)
    missing = f" (without {sandbox.reason})" if sandbox.reason else ""
    return ok("decoder", f"locked in by {sandbox.kind}{missing}")


def device_line(parts: RuntimeFacts, settings: Settings) -> Finding:
    device = parts.device
    if device is None:
        return not_applicable("device", "The engine needs none.")
    if isinstance(device, str):
        return problem("device", f"PyTorch cannot be loaded: {device}", ANEW)
    torch = f"PyTorch {device['torch']}"
    if "error" in device:
        return problem("device", f"{device['error']} ({torch})", device["advice"])
    words = f"{device['name']}, {device['dtype']} ({torch})"
    if settings.model.device == "auto" and device["device"] == "cpu" and parts.gpu:
        return warning("device", f"{words}; the {parts.gpu} GPU is not used", gpu_advice(parts.gpu, device))
    return ok("device", words)


def gpu_advice(gpu: str, device: Mapping[str, Any]) -> str:
    if gpu == "NVIDIA":
        return "Install PyTorch's CUDA build into this environment (see pytorch.org), and the driver that it needs."
    if not device["mps_built"]:
        return "Install smolwatch with a Python for Apple processors (arm64), whose PyTorch knows the Apple GPU."
    return "PyTorch needs macOS 14 or newer for the Apple GPU, and a session at the screen, not SSH alone."


def model_line(parts: RuntimeFacts) -> Finding:
    if parts.model is None:
        return not_applicable("model", "The engine has none.")
    if isinstance(parts.model, ModelUnavailableError):
        return problem("model", str(parts.model), parts.model.advice)
    if parts.damaged:
        words = f"{parts.named}: cut off or missing: {', '.join(parts.damaged)}"
        advice = f"Remove {parts.model.path}, then fetch or copy it again: smolwatch model pull"
        return problem("model", words, advice)
    only = "; it knows drawn shapes and nothing else" if parts.named.startswith("smolwatch-demo@") else ""
    return ok("model", f"{parts.named}, {parts.model.bytes / 1e6:.0f} MB{only}")
