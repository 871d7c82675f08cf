"""Compares a folder of quantized weights with what quantizing at load makes of the original."""

from __future__ import annotations

from pathlib import Path

import mlx.core as mx

from daemon.inference.mlx.linear import Quantized
from daemon.inference.mlx.tensor_reader import is_quantizable, read_weights
from daemon.inference.smolvlm.architecture import read_architecture


def check_stored(folder: Path, original: Path, bits: int) -> None:
    """AssertionError unless every tensor in `folder` is, bit for bit, that of `original` in so many bits."""
    architecture = read_architecture(folder)
    assert architecture == read_architecture(original)
    stored = read_weights(folder, architecture, mx.bfloat16)
    made = read_weights(original, architecture, mx.bfloat16, bits)
    assert stored.bits == bits
    compared = 0
    for name, shape in architecture.shapes().items():
        matrix = name.removesuffix(".weight")
        if len(shape) == 2 and is_quantizable(name):
            ours, theirs = stored.stored_matrix(matrix), made.stored_matrix(matrix)
            assert isinstance(ours, Quantized)
            assert isinstance(theirs, Quantized)
            assert (ours.bits, ours.group) == (theirs.bits, theirs.group) == (bits, 64)
            pairs = list(zip(ours.arrays, theirs.arrays, strict=True))
        elif name.endswith("patch_embedding.weight"):
            pairs = [(stored.patches().weight, made.patches().weight)]
        else:
            pairs = [(stored.vector(name), made.vector(name))]
        assert all(mx.array_equal(ours, theirs) for ours, theirs in pairs), name
        compared += len(pairs)
    assert compared > len(architecture.shapes()), "quantized ones have three parts"
