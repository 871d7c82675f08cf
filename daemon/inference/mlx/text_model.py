"""SmolVLM's language model in MLX, for tokens of many slots at once."""

from __future__ import annotations

from collections.abc import Callable

import mlx.core as mx

from daemon.inference.mlx.kv_cache import CacheShape
from daemon.inference.mlx.linear import Matrix, fused
from daemon.inference.mlx.weights import Weights
from daemon.inference.smolvlm.architecture import HEAD, TEXT, Architecture

#: (layer, queries, keys, values) -> the attended values; tokens x heads x width each.
Attention = Callable[[int, mx.array, mx.array, mx.array], mx.array]


class Layer:
    """One layer's weights; those with the same input are fused."""

    def __init__(self, weights: Weights, name: str) -> None:
        attention, mlp = f"{name}.self_attn", f"{name}.mlp"
        self.qkv = fused([weights.matrix(f"{attention}.{part}_proj") for part in "qkv"])
        self.out = weights.matrix(f"{attention}.o_proj")
        self.gate_up = fused([weights.matrix(f"{mlp}.gate_proj"), weights.matrix(f"{mlp}.up_proj")])
        self.down = weights.matrix(f"{mlp}.down_proj")
        self.attention_norm = weights.vector(f"{name}.input_layernorm.weight")
        self.mlp_norm = weights.vector(f"{name}.post_attention_layernorm.weight")
        # Evaluated layer by layer, so that the file's own copy of no more than one layer is in memory.
        mx.eval([matrix.arrays for matrix in (self.qkv, self.out, self.gate_up, self.down)], self.norms)

    @property
    def norms(self) -> tuple[mx.array, mx.array]:
        return self.attention_norm, self.mlp_norm


class TextModel:
    def __init__(self, weights: Weights, architecture: Architecture) -> None:
        shape = self.shape = architecture.text
        self._embedding = weights.matrix(f"{TEXT}.embed_tokens")
        self._head: Matrix = self._embedding if architecture.is_tied else weights.matrix(HEAD.removesuffix(".weight"))
        self.norm = weights.vector(f"{TEXT}.norm.weight")
        mx.eval(self._embedding.arrays, self._head.arrays, self.norm)
        self.layers = [Layer(weights, f"{TEXT}.layers.{number}") for number in range(shape.layers)]
        self.cache_shape = CacheShape(
            layers=shape.layers, heads=shape.kv_heads, width=shape.width, dtype=self.norm.dtype
        )

    def embed(self, tokens: mx.array) -> mx.array:
        """(tokens) -> (tokens, hidden)."""
        return self._embedding.rows(tokens).astype(self.norm.dtype)

    def __call__(
        self, hidden: mx.array, positions: mx.array, attention: Attention, output_tokens: mx.array | None = None
    ) -> mx.array:
        """Embedded tokens (tokens, hidden) at their positions -> (`output_tokens` of them, hidden), not normed."""
        shape = self.shape
        rotary_heads, size = shape.heads + shape.kv_heads, (len(hidden), -1, shape.width)
        for number, layer in enumerate(self.layers):
            heads = layer.qkv(mx.fast.rms_norm(hidden, layer.attention_norm, shape.eps)).reshape(size)
            rotated = rotate(heads[:, :rotary_heads], positions, shape.rope_base)
            attended = attention(number, rotated[:, : shape.heads], rotated[:, shape.heads :], heads[:, rotary_heads:])
            if output_tokens is not None and number == len(self.layers) - 1:  # the others' outputs are not needed
                hidden, attended = hidden[output_tokens], attended[output_tokens]
            hidden = hidden + layer.out(attended.flatten(1))
            gate, up = mx.split(layer.gate_up(mx.fast.rms_norm(hidden, layer.mlp_norm, shape.eps)), 2, axis=-1)
            hidden = hidden + layer.down(gate * mx.sigmoid(gate) * up)
        return hidden

    def scores(self, hidden: mx.array) -> mx.array:
        """(tokens, hidden) -> (tokens, vocabulary): the scores of each next token."""
        return self._head(mx.fast.rms_norm(hidden, self.norm, self.shape.eps))


def rotate(heads: mx.array, positions: mx.array, base: float) -> mx.array:
    """Rotary positions: heads (tokens, heads, width), positions (tokens).

    Every token is a sequence of its own, with an offset of its own. On Metal a single offset for several sequences of
    one token each corrupted all but the first (mlx#3494, mlx#3795).
    """
    rotated = mx.fast.rope(
        heads[:, :, None], heads.shape[-1], traditional=False, base=base, scale=1.0, offset=positions
    )
    return rotated[:, :, 0]
