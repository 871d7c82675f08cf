"""The libraries and files for describing: codecs, decoder sandbox, PyTorch, device and model.

The libraries are probed in processes of their own, so a broken one is a finding and not a crash.
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
from daemon.doctor.subprocesses import NoOutputError, run_probe
from daemon.doctor.torch_build import build_line, cuda_bytes
from daemon.errors import DecoderMissingError
from daemon.inference.registry import engine_entry
from daemon.inference.smolvlm.checkpoint import damaged_weights
from daemon.inference.weights.sources import ModelFolder, find_model, identity_of
from daemon.media.decoder.decoder import Decoder
from daemon.media.decoder.sandbox.lockdown import Sandbox

NVIDIA = Path("/proc/driver/nvidia/version")
REINSTALL = "Reinstall smolwatch in an environment of its own (pipx reinstall smolwatch)."


@dataclass(frozen=True, kw_only=True)
class RuntimeFacts:
    """`codecs` and `device` are what their programs print, or why they print nothing. `sandbox`: likewise.

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


def look_at_runtime(settings: Settings) -> RuntimeFacts:
    chosen, has_model = settings.model, engine_entry(settings).needs_weights
    model = look_at_model(settings) if has_model else None
    return RuntimeFacts(
        codecs=probe_or_reason("daemon.media.probe_codecs"),
        device=probe_or_reason("daemon.inference.torch.probe_device", chosen.device, chosen.precision)
        if has_model
        else None,
        sandbox=look_at_sandbox(),
        model=model,
        damaged=damaged_weights(model.path) if isinstance(model, ModelFolder) else (),
        named="@".join(identity_of(chosen.id, chosen.revision)),
        gpu=gpu_here(),
        cuda_bytes=cuda_bytes() if has_model else 0,
    )


def probe_or_reason(module: str, *arguments: str) -> Mapping[str, Any] | str:
    try:
        return run_probe(module, *arguments)
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


def findings(facts: RuntimeFacts, settings: Settings) -> Iterator[Finding]:
    yield codecs_line(facts.codecs)
    yield sandbox_line(facts.sandbox)
    yield device_line(facts, settings)
    yield build_line(facts.device, facts.gpu, facts.cuda_bytes)
    yield model_line(facts)


def codecs_line(codecs: Mapping[str, Any] | str) -> Finding:
    if isinstance(codecs, str):
        return problem("codecs", f"Pictures and videos cannot be opened: {codecs}", REINSTALL)
    text = f"PyAV {codecs['av']}, Pillow {codecs['pillow']}"
    if missing := codecs["missing"]:
        return warning("codecs", f"{text}; these formats cannot be opened: {', '.join(missing)}", REINSTALL)
    return ok("codecs", f"{text}; all supported formats can be opened")


def sandbox_line(sandbox: Sandbox | str) -> Finding:
    if isinstance(sandbox, str):
        advice = "Free memory and end other processes, read the log, then run this again."
        return problem("decoder", sandbox, advice)
    if sandbox.kind == "none":
        advice = (
            "Files are decoded in a process with limits, but without a sandbox. Use smolwatch only with files that you "
            "trust, or run it on macOS, or on Linux 5.13 or newer."
        )
        return warning("decoder", f"The decoder has no sandbox ({sandbox.reason})", advice)
    missing = f" (without {sandbox.reason})" if sandbox.reason else ""
    return ok("decoder", f"in a sandbox of {sandbox.kind}{missing}")


def device_line(facts: RuntimeFacts, settings: Settings) -> Finding:
    device = facts.device
    if device is None:
        return not_applicable("device", "The engine needs none.")
    if isinstance(device, str):
        return problem("device", f"PyTorch cannot be loaded: {device}", REINSTALL)
    torch = f"PyTorch {device['torch']}"
    if "error" in device:
        return problem("device", f"{device['error']} ({torch})", device["advice"])
    text = f"{device['name']}, {device['dtype']} ({torch})"
    if settings.model.device == "auto" and device["device"] == "cpu" and facts.gpu:
        return warning("device", f"{text}; the {facts.gpu} GPU is not used", gpu_advice(facts.gpu, device))
    return ok("device", text)


def gpu_advice(gpu: str, device: Mapping[str, Any]) -> str:
    if gpu == "NVIDIA":
        return "Install PyTorch's CUDA build in this environment (see pytorch.org), and the driver that it needs."
    if not device["mps_built"]:
        return "Install smolwatch with a Python for Apple processors (arm64), whose PyTorch supports the Apple GPU."
    return "PyTorch needs macOS 14 or newer for the Apple GPU, and a session at the screen, not only SSH."


def model_line(facts: RuntimeFacts) -> Finding:
    if facts.model is None:
        return not_applicable("model", "The engine has none.")
    if isinstance(facts.model, ModelUnavailableError):
        return problem("model", str(facts.model), facts.model.advice)
    if facts.damaged:
        text = f"{facts.named}: truncated or missing: {', '.join(facts.damaged)}"
        advice = f"Remove {facts.model.path}, then download or copy it again: smolwatch model pull"
        return problem("model", text, advice)
    only = "; it was trained on drawn shapes alone" if facts.named.startswith("smolwatch-demo@") else ""
    return ok("model", f"{facts.named}, {facts.model.bytes / 1e6:.0f} MB{only}")
