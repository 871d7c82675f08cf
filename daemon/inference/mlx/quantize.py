"""Stores a checkpoint with weights of 8 or 4 bits, in the layout of mlx-community."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import mlx.core as mx

from config.errors import ModelUnavailableError, SmolwatchError
from daemon.inference.mlx.linear import GROUP, SCALE_DTYPE, Quantized
from daemon.inference.mlx.weights import PATCHES, Weights, is_quantizable, read_weights
from daemon.inference.smolvlm.architecture import HEAD, TEXT, VISION, read_architecture
from daemon.inference.smolvlm.checkpoint import WEIGHTS, read_json

PREFIXES = (
    (TEXT, "language_model"),
    (HEAD.removesuffix(".weight"), "language_model.lm_head"),
    (VISION, "vision_model"),
)
PART = ".sw-model.safetensors"


def write_quantized(source: Path, target: Path, bits: int) -> None:
    """Fill `target` with the checkpoint of `source`; what is not quantized is stored in bf16.

    Raises ModelUnavailableError for weights that cannot be read, are quantized already, or have a width that does not
    divide into groups; SmolwatchError if `target` holds weights.
    """
    if any(target.glob("*.safetensors")):
        raise SmolwatchError(f"{target} holds weights already.", advice="Choose another folder.")
    architecture = read_architecture(source)
    weights = read_weights(source, architecture, SCALE_DTYPE, bits)
    if "quantization" in read_json(source / "config.json"):
        raise ModelUnavailableError(f"The weights in {source} are quantized already.")
    tensors: dict[str, mx.array] = {}
    for name, shape in architecture.shapes().items():
        tensors |= stored_tensors(weights, name, shape)
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted(source.glob("*.json")):
        if file.name not in ("config.json", WEIGHTS[1]):
            shutil.copyfile(file, target / file.name)
    quantization = {"group_size": GROUP, "bits": bits, "mode": "affine"}
    config = read_json(source / "config.json") | {"quantization": quantization, "quantization_config": quantization}
    (target / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    mx.save_safetensors(str(target / PART), tensors, {"format": "mlx"})
    (target / PART).replace(target / WEIGHTS[0])


def stored_tensors(weights: Weights, name: str, shape: tuple[int, ...]) -> dict[str, mx.array]:
    """A tensor under its name in the file; three if it is quantized. Evaluated, so that its source can be freed."""
    matrix_name = name.removesuffix(".weight")
    found: dict[str, mx.array] = {}
    if name == PATCHES:
        found[stored_name(name)] = weights.vector(name).transpose(0, 2, 3, 1)  # the colours last
    elif len(shape) == 2 and is_quantizable(name):
        if shape[1] % GROUP:
            raise ModelUnavailableError(f"{name} has a width of {shape[1]}, not a multiple of {GROUP}.")
        matrix = weights.stored_matrix(matrix_name)
        parts = ("weight", "scales", "biases") if isinstance(matrix, Quantized) else ("weight",)
        prefix = stored_name(matrix_name)
        found = {f"{prefix}.{part}": array for part, array in zip(parts, matrix.arrays, strict=True)}
    else:
        found[stored_name(name)] = weights.vector(name)
    mx.eval(found)
    return found


def stored_name(name: str) -> str:
    for prefix, stored in PREFIXES:
        if name.startswith(prefix):
            return stored + name.removeprefix(prefix)
    return name.removeprefix("model.")
