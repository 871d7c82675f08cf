"""SmolVLM's vision tower and connector in MLX, for whole tiles."""

from __future__ import annotations

import math

import mlx.core as mx

from daemon.inference.mlx.linear import Linear, fused, with_bias
from daemon.inference.mlx.weights import Weights
from daemon.inference.smolvlm.architecture import CONNECTOR, VISION, Architecture


class VisionLayer:
    """One layer's weights; those with the same input are fused."""

    def __init__(self, weights: Weights, name: str, heads: int, eps: float) -> None:
        self._heads, self._eps = heads, eps
        attention, mlp = f"{name}.self_attn", f"{name}.mlp"
        projections = [f"{attention}.{part}_proj" for part in "qkv"]
        bias = mx.concatenate([weights.vector(f"{projection}.bias") for projection in projections])
        self.qkv = with_bias(fused([weights.matrix(projection) for projection in projections]), bias)
        self.out = linear(weights, f"{attention}.out_proj")
        self.up, self.down = linear(weights, f"{mlp}.fc1"), linear(weights, f"{mlp}.fc2")
        self.norms = [
            (weights.vector(f"{name}.layer_norm{number}.weight"), weights.vector(f"{name}.layer_norm{number}.bias"))
            for number in (1, 2)
        ]

    def __call__(self, hidden: mx.array) -> mx.array:
        """(tiles, patches, hidden) -> the same."""
        tiles, patches, _ = hidden.shape
        normed = mx.fast.layer_norm(hidden, *self.norms[0], self._eps)
        heads = self.qkv(normed).reshape(tiles, patches, 3, self._heads, -1).transpose(2, 0, 3, 1, 4)
        scale = heads.shape[-1] ** -0.5
        attended = mx.fast.scaled_dot_product_attention(heads[0], heads[1], heads[2], scale=scale)
        hidden = hidden + self.out(attended.transpose(0, 2, 1, 3).reshape(hidden.shape))
        return hidden + self.down(gelu(self.up(mx.fast.layer_norm(hidden, *self.norms[1], self._eps))))


class VisionModel:
    def __init__(self, weights: Weights, architecture: Architecture) -> None:
        shape = self._shape = architecture.vision
        self._merge = architecture.merge
        self._embed = with_bias(weights.patches(), weights.vector(f"{VISION}.embeddings.patch_embedding.bias"))
        self._positions = weights.vector(f"{VISION}.embeddings.position_embedding.weight")
        names = (f"{VISION}.encoder.layers.{number}" for number in range(shape.layers))
        self._layers = [VisionLayer(weights, name, shape.heads, shape.eps) for name in names]
        norm = f"{VISION}.post_layernorm"
        self._norm = (weights.vector(f"{norm}.weight"), weights.vector(f"{norm}.bias"))
        self._project = weights.matrix(CONNECTOR)

    def __call__(self, pixels: mx.array) -> mx.array:
        """Tiles (tiles, 3, tile, tile) -> features (tiles, tokens a tile, hidden of the language model)."""
        hidden = self._embed(self._patches(pixels)) + self._positions
        for layer in self._layers:
            hidden = layer(hidden)
        normed = mx.fast.layer_norm(hidden, *self._norm, self._shape.eps)
        return self._project(pixel_shuffle(normed, self._merge))

    def _patches(self, pixels: mx.array) -> mx.array:
        """(tiles, 3, tile, tile) -> (tiles, patches, 3 x patch x patch), row by row."""
        side, edge = self._shape.side, self._shape.patch
        tiles, colours = pixels.shape[:2]
        whole = pixels[:, :, : side * edge, : side * edge]
        cut = whole.reshape(tiles, colours, side, edge, side, edge)
        return cut.transpose(0, 2, 4, 1, 3, 5).reshape(tiles, side**2, -1)


def pixel_shuffle(hidden: mx.array, merge: int) -> mx.array:
    """Joins `merge` x `merge` patches into one: (tiles, patches, hidden) -> (tiles, fewer, hidden x merge x merge)."""
    tiles, patches, width = hidden.shape
    side = math.isqrt(patches)
    cut = hidden.reshape(tiles, side // merge, merge, side // merge, merge, width)
    return cut.transpose(0, 1, 3, 2, 4, 5).reshape(tiles, (side // merge) ** 2, -1)


def gelu(inputs: mx.array) -> mx.array:
    """In its tanh form."""
    cubic = inputs + 0.044715 * inputs * inputs * inputs
    return 0.5 * inputs * (1 + mx.tanh(math.sqrt(2 / math.pi) * cubic))


def linear(weights: Weights, name: str) -> Linear:
    return with_bias(weights.matrix(name), weights.vector(f"{name}.bias"))
