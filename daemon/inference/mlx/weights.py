"""Reads a checkpoint's tensors for MLX: the layouts of Hugging Face and of mlx-community, also quantized ones.

Every tensor must be there with the shape that config.json implies: a missing one is an error, never a guess.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import mlx.core as mx

from config.errors import ModelUnavailableError
from daemon.inference.mlx.linear import Dense, Matrix, Quantized, cast, quantized
from daemon.inference.smolvlm.architecture import CONNECTOR, HEAD, TEXT, VISION, Architecture, Shapes
from daemon.inference.smolvlm.checkpoint import WEIGHTS, read_json

#: mlx-community's prefixes and those of Hugging Face.
RENAMED = (
    (re.compile(r"^language_model\.lm_head\."), "lm_head."),
    (re.compile(r"^language_model\.(model\.)?"), f"{TEXT}."),
    (re.compile(r"^vision_model\."), f"{VISION}."),
    (re.compile(r"^connector\."), "model.connector."),
)
#: Computed from the configuration; older files hold them.
COMPUTED = re.compile(r"(rotary_emb\.inv_freq|embeddings\.position_ids)$")
PATCHES = f"{VISION}.embeddings.patch_embedding.weight"
QUANTIZED_PARTS = (".scales", ".biases")


class Weights:
    """A checkpoint's tensors by the names of Hugging Face, in `dtype`; numbers of quantized ones stay as they are.

    With `bits`, the language model and the connector are quantized here; the vision tower never is.
    """

    def __init__(self, tensors: dict[str, mx.array], shapes: Shapes, dtype: mx.Dtype, bits: int | None) -> None:
        self._tensors, self._shapes, self._dtype, self._bits = tensors, shapes, dtype, bits

    @property
    def bits(self) -> int | None:
        """Of a quantized language model; None if it is not quantized."""
        first = self.stored_matrix(f"{TEXT}.layers.0.mlp.down_proj")
        return first.bits if isinstance(first, Quantized) else None

    def vector(self, name: str) -> mx.array:
        """A bias, a norm's weights or a table."""
        return self._tensors[name].astype(self._dtype)

    def patches(self) -> Dense:
        """The patch embedding as a matrix (hidden, 3 x patch x patch)."""
        return Dense(self._tensors[PATCHES].flatten(1).astype(self._dtype))

    def matrix(self, name: str) -> Matrix:
        """The weight of `name`, without its bias."""
        return cast(self.stored_matrix(name), self._dtype)

    def stored_matrix(self, name: str) -> Matrix:
        """The same in the precision of the file, or quantized."""
        weight, prefix = self._tensors[f"{name}.weight"], f"{name}."
        if f"{prefix}scales" in self._tensors:
            scales, biases = self._tensors[f"{prefix}scales"], self._tensors[f"{prefix}biases"]
            width = self._shapes[f"{name}.weight"][1]
            bits, group = 32 * weight.shape[1] // width, width // scales.shape[1]
            return Quantized(weight, scales, biases, bits, group)
        return quantized(weight, self._bits) if self._bits and is_quantizable(name) else Dense(weight)


def is_quantizable(name: str) -> bool:
    """Whether a matrix is quantized on request: as in the published conversions, all but the vision tower."""
    return name.startswith((TEXT, CONNECTOR, HEAD.removesuffix(".weight")))


def read_weights(folder: Path, architecture: Architecture, dtype: mx.Dtype, bits: int | None = None) -> Weights:
    """Raises ModelUnavailableError for damaged, missing, unknown and misshapen tensors."""
    tensors = {renamed(name): tensor for name, tensor in read_tensors(folder).items()}
    tensors = {name: tensor for name, tensor in tensors.items() if not COMPUTED.search(name)}
    shapes = architecture.shapes()
    if architecture.is_tied:
        tensors.pop(HEAD, None)
    if PATCHES in tensors:
        tensors[PATCHES] = channels_first(tensors[PATCHES], shapes[PATCHES])
    mode = read_json(folder / "config.json").get("quantization", {}).get("mode", "affine")
    problems = [f"quantization mode: {mode}"] if mode != "affine" else find_problems(tensors, shapes)
    if problems:
        listed = "; ".join(problems[:3])
        raise ModelUnavailableError(f"The weights in {folder} are not a SmolVLM's: {listed}")
    return Weights(tensors, shapes, dtype, bits)


def read_tensors(folder: Path) -> dict[str, mx.array]:
    """All tensors of a folder's safetensors files, as they are named there."""
    index = folder / WEIGHTS[1]
    names = [WEIGHTS[0]]
    if not (folder / WEIGHTS[0]).is_file() and index.is_file():
        names = sorted(set(read_json(index).get("weight_map", {}).values()))
    found: dict[str, mx.array] = {}
    for name in names:
        try:
            loaded: Any = mx.load(str(folder / name), format="safetensors")
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelUnavailableError(f"The weights in {folder} cannot be loaded: {error}") from error
        found |= loaded
    return found


def renamed(name: str) -> str:
    for pattern, replacement in RENAMED:
        if pattern.match(name):
            return pattern.sub(replacement, name)
    return name


def channels_first(weight: mx.array, expected: tuple[int, ...]) -> mx.array:
    """The patch embedding of mlx-community has the colours last."""
    out, colours, high, wide = expected
    return weight.transpose(0, 3, 1, 2) if weight.shape == (out, high, wide, colours) else weight


def find_problems(tensors: dict[str, mx.array], shapes: Shapes) -> list[str]:
    """What is missing, unknown or misshapen, in sentences."""
    problems = [f"missing: {name}" for name in shapes if name not in tensors]
    for name, tensor in tensors.items():
        part = next((part for part in QUANTIZED_PARTS if name.endswith(part)), None)
        if part is not None and f"{name.removesuffix(part)}.weight" in shapes:
            continue
        if name not in shapes:
            problems.append(f"unknown: {name}")
        elif f"{name.removesuffix('.weight')}.scales" in tensors:
            problems += quantization_problems(name.removesuffix(".weight"), tensors, shapes[name])
        elif tensor.shape != shapes[name]:
            problems.append(f"{name} has the shape {tensor.shape}, not {shapes[name]}")
    return problems


def quantization_problems(name: str, tensors: dict[str, mx.array], shape: tuple[int, ...]) -> list[str]:
    weight, scales, biases = (tensors.get(f"{name}.{part}") for part in ("weight", "scales", "biases"))
    if weight is None or scales is None or biases is None:
        return [f"missing: a part of the quantized {name}"]
    rows, width = shape
    groups = scales.shape[1] if scales.ndim == 2 else 0
    fits = (
        weight.ndim == 2
        and (weight.shape[0], scales.shape[0], biases.shape) == (rows, rows, scales.shape)
        and weight.dtype == mx.uint32
        and groups
        and width % groups == 0
        and (32 * weight.shape[1]) % width == 0
        and 32 * weight.shape[1] // width in (2, 3, 4, 6, 8)
        and width // groups in (32, 64, 128)
    )
    return [] if fits else [f"{name} is quantized with shapes that do not fit {shape}"]
