"""Linear layers and the token embedding for MLX: in 16 or 32 bits, or with weights of 8 or 4 bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import mlx.core as mx

#: Numbers that share a scale; the published conversions have it too.
GROUP = 64
#: Scales have this type before they are cast, so that weights quantized at load equal those in a file.
SCALE_DTYPE = mx.bfloat16

Linear = Callable[[mx.array], mx.array]


@dataclass(frozen=True)
class Dense:
    """A weight (out, in)."""

    weight: mx.array

    def __call__(self, inputs: mx.array) -> mx.array:
        return inputs @ self.weight.T

    def rows(self, indices: mx.array) -> mx.array:
        """As an embedding: (any) -> (any, in)."""
        return self.weight[indices]

    @property
    def arrays(self) -> tuple[mx.array, ...]:
        return (self.weight,)


@dataclass(frozen=True)
class Quantized:
    """A weight (out, in) of `bits` bits: packed in `weight` (out, in * bits / 32), each `group` with scale and bias."""

    weight: mx.array
    scales: mx.array
    biases: mx.array
    bits: int
    group: int = GROUP

    def __call__(self, inputs: mx.array) -> mx.array:
        return mx.quantized_matmul(
            inputs, self.weight, self.scales, self.biases, transpose=True, group_size=self.group, bits=self.bits
        )

    def rows(self, indices: mx.array) -> mx.array:
        return mx.dequantize(
            self.weight[indices], self.scales[indices], self.biases[indices], group_size=self.group, bits=self.bits
        )

    @property
    def arrays(self) -> tuple[mx.array, ...]:
        return (self.weight, self.scales, self.biases)


Matrix = Dense | Quantized


def quantized(weight: mx.array, bits: int) -> Quantized:
    """A dense weight (out, in), whose `in` must be a multiple of GROUP."""
    packed, scales, biases = mx.quantize(weight.astype(SCALE_DTYPE), group_size=GROUP, bits=bits)
    return Quantized(packed, scales, biases, bits)


def cast(matrix: Matrix, dtype: mx.Dtype) -> Matrix:
    if isinstance(matrix, Dense):
        return Dense(matrix.weight.astype(dtype))
    return Quantized(matrix.weight, matrix.scales.astype(dtype), matrix.biases.astype(dtype), matrix.bits, matrix.group)


def fused(matrices: Sequence[Matrix]) -> Matrix:
    """Matrices with the same input as one: their outputs are concatenated. All are dense, or all quantized alike."""
    parts = [mx.concatenate(list(each)) for each in zip(*(matrix.arrays for matrix in matrices), strict=True)]
    first = matrices[0]
    if isinstance(first, Dense):
        return Dense(parts[0])
    return Quantized(parts[0], parts[1], parts[2], first.bits, first.group)


def with_bias(matrix: Matrix, bias: mx.array) -> Linear:
    if isinstance(matrix, Dense):
        weight = matrix.weight
        return lambda inputs: mx.addmm(bias, inputs, weight.T)
    return lambda inputs: matrix(inputs) + bias
