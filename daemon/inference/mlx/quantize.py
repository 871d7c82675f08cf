"""Stores a checkpoint with weights of 8 or 4 bits, in the layout of mlx-community."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import mlx.core as mx

from config.errors import ModelUnavailableError, SmolwatchError
from daemon.inference.mlx.linear import GROUP, SCALE_DTYPE, Quantized
from daemon.inference.mlx.tensor_reader import PATCHES, Weights, is_quantizable, read_weights
from daemon.inference.smolvlm.architecture import HEAD, TEXT, VISION, read_architecture
from daemon.inference.smolvlm.checkpoint import WEIGHTS, read_json

PREFIXES = (
    (TEXT, "language_model"),
    (HEAD.removesuffix(".weight"), "language_model.lm_head"),
    (VISION, "vision_model"),
)
#: Within the target, while it is filled.
UNFINISHED = ".sw-unfinished"


def write_quantized(source: Path, target: Path, bits: int) -> None:
    """Put the checkpoint of `source` into the folder `target`; what is not quantized is stored in bf16.

    All files are complete before the first one gets its name, and the weights get theirs last: there is never half a
    checkpoint. After a failure nothing is left, and what a killed run has left is replaced.

    Raises ModelUnavailableError for weights that cannot be read, are quantized already, or have a width that does not
    divide into groups; SmolwatchError if `target` holds one of the files; OSError if the system refuses.
    """
    config = read_json(source / "config.json")
    copied = [file for file in sorted(source.glob("*.json")) if file.name not in ("config.json", *WEIGHTS)]
    names = [*(file.name for file in copied), "config.json", WEIGHTS[0]]
    check_free(target, names)
    if "quantization" in config:
        raise ModelUnavailableError(
            f"The weights in {source} are quantized already.", advice="Choose the model that they were made of."
        )
    tensors = quantized_tensors(source, bits)
    quantization = {"group_size": GROUP, "bits": bits, "mode": "affine"}
    config |= {"quantization": quantization, "quantization_config": quantization}
    is_new = not target.exists()
    unfinished = target / UNFINISHED
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for file in copied:
            shutil.copyfile(file, unfinished / file.name)
        (unfinished / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        with (unfinished / WEIGHTS[0]).open("wb") as opened:
            mx.save_safetensors(opened, tensors, {"format": "mlx"})
        for name in names:
            (unfinished / name).rename(target / name)
    except OSError as error:
        error.filename = error.filename or str(target)  # a full disk is reported without it
        raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        if is_new and target.is_dir() and not any(target.iterdir()):
            target.rmdir()


def check_free(target: Path, names: Iterable[str]) -> None:
    """Raises SmolwatchError if `target` is a folder with files of a checkpoint."""
    weights = (file.name for file in target.glob("*.safetensors"))
    existing = [*weights, *(name for name in (*names, *WEIGHTS) if (target / name).exists())]
    if existing:
        raise SmolwatchError(f"{target} holds {existing[0]} already.", advice="Choose another folder.")


def quantized_tensors(source: Path, bits: int) -> dict[str, mx.array]:
    """All tensors under their names in the file."""
    architecture = read_architecture(source)
    weights = read_weights(source, architecture, SCALE_DTYPE, bits)
    tensors: dict[str, mx.array] = {}
    for name, shape in architecture.shapes().items():
        tensors |= stored_tensors(weights, name, shape)
    return tensors


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
