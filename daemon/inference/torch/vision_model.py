"""SmolVLM's vision tower and connector over the weights of transformers' modules, for whole tiles.

Multiplies matrices only, never stacks of them: Apple's GPUs computed batched products with a bias wrong
(pytorch#192934, M1 on macOS 26 with torch 2.13), and slowly (pytorch#189847).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from daemon.inference.torch.attention import AttentionKernel, fused
from daemon.inference.torch.linear import Layout, fused_linear, gelu_linear, native_layout
from daemon.inference.torch.tile_pool import TilePool

#: 2 MiB of scores each in bf16, for 1,024 patches.
HEADS_PER_BLOCK = 2


class VisionLayer:
    """One layer's weights; those with the same input are fused."""

    def __init__(self, layer: Any, layout: Layout, kernel: AttentionKernel) -> None:
        self._kernel = kernel
        attention, mlp = layer.self_attn, layer.mlp
        self.heads: int = attention.num_heads
        self.qkv = fused_linear(attention.q_proj, attention.k_proj, attention.v_proj, layout=layout)
        self.out = fused_linear(attention.out_proj, layout=layout)
        self.up, self.down = gelu_linear(mlp.fc1, layout=layout), fused_linear(mlp.fc2, layout=layout)
        self.attention_norm: Callable[[Tensor], Tensor] = layer.layer_norm1
        self.mlp_norm: Callable[[Tensor], Tensor] = layer.layer_norm2

    def __call__(self, hidden: Tensor) -> Tensor:
        """(tiles, patches, hidden) -> the same."""
        tiles, patches, _ = hidden.shape
        rows = hidden.flatten(0, 1)
        heads = self.qkv(self.attention_norm(rows)).view(tiles, patches, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        queries, keys, values = heads.unbind()
        attended = attend(queries, keys, values, self._kernel)
        rows = rows + self.out(attended.transpose(1, 2).reshape(rows.shape))
        rows = rows + self.down(self.up(self.mlp_norm(rows)))
        return rows.view(hidden.shape)


def attend(queries: Tensor, keys: Tensor, values: Tensor, kernel: AttentionKernel = fused) -> Tensor:
    """Attention without a mask: (tiles, heads, patches, width) each -> the same.

    On a CPU plain products of contiguous matrices beat the fused kernel, a few heads at a time, so that their scores
    stay in the cache between the products.
    """
    if queries.device.type != "cpu":
        return kernel(queries, keys, values)
    scale, (tiles, heads, patches, _) = queries.shape[-1] ** -0.5, queries.shape
    attended = torch.empty_like(queries, memory_format=torch.contiguous_format)
    scores = queries.new_empty(HEADS_PER_BLOCK, patches, patches)
    for tile in range(tiles):
        q, k, v = (queries[tile] * scale).contiguous(), keys[tile].contiguous(), values[tile].contiguous()
        for first in range(0, heads, HEADS_PER_BLOCK):
            block = slice(first, first + HEADS_PER_BLOCK)
            weights = scores[: len(q[block])]
            torch.bmm(q[block], k[block].transpose(1, 2), out=weights)
            torch.softmax(weights, -1, out=weights)
            torch.bmm(weights, v[block], out=attended[tile, block])
    return attended


class VisionModel:
    """Takes the weights out of a loaded SmolVLMForConditionalGeneration, whose vision layers are empty afterwards."""

    def __init__(self, model: Any, layout: Layout = native_layout, kernel: AttentionKernel = fused) -> None:
        vision, connector = model.model.vision_model, model.model.connector
        self._patches = PatchEmbedding(vision.embeddings)
        self._layers: list[VisionLayer] = []
        for number in range(len(vision.encoder.layers)):
            self._layers.append(VisionLayer(vision.encoder.layers[number], layout, kernel))
            vision.encoder.layers[number] = nn.Identity()  # frees the module's own copy
        self._norm: Callable[[Tensor], Tensor] = vision.post_layernorm
        self._shuffle: Callable[[Tensor, int], Tensor] = connector.pixel_shuffle
        self._scale: int = connector.scale_factor
        self._project = fused_linear(connector.modality_projection.proj)
        threads, is_16_bits = torch.get_num_threads(), vision.dtype is torch.bfloat16
        use_pool = vision.device.type == "cpu" and is_16_bits and threads > 1
        self._pool = TilePool(threads) if use_pool else None

    def __call__(self, pixels: Tensor) -> Tensor:
        """Tiles (tiles, 3, tile, tile) -> features (tiles, tokens a tile, hidden of the language model).

        A CPU takes single tiles, so that a tile's activations stay in its cache from layer to layer: as many at
        a time as there are threads, and the rest one by one on all threads.
        """
        if pixels.device.type != "cpu":
            return self._encode(pixels)
        tiles = [pixels[number : number + 1] for number in range(len(pixels))]
        pooled = 0 if self._pool is None else len(tiles) - len(tiles) % self._pool.threads
        encoded = self._pool(self._encode, tiles[:pooled]) if self._pool is not None else []
        return torch.cat([*encoded, *(self._encode(tile) for tile in tiles[pooled:])])

    def _encode(self, pixels: Tensor) -> Tensor:
        hidden = self._patches(pixels)
        for layer in self._layers:
            hidden = layer(hidden)
        shuffled = self._shuffle(self._norm(hidden), self._scale)
        return self._project(shuffled.flatten(0, 1)).view(*shuffled.shape[:2], -1)


class PatchEmbedding:
    """Tiles -> embedded patches, by one product and a table of positions.

    The stock module computes a patch's position from its distance to the tile's edge (`SmolVLMVisionEmbeddings`). In a
    whole tile, patch i has position i; a device whose division is off by one bit would use the neighbour's.
    """

    def __init__(self, embeddings: Any) -> None:
        convolution = embeddings.patch_embedding
        self._edge: int = embeddings.patch_size
        self._side: int = embeddings.num_patches_per_side
        self._embed = native_layout(convolution.weight.detach().flatten(1), convolution.bias.detach())
        self._positions: Tensor = embeddings.position_embedding.weight.detach()

    def __call__(self, pixels: Tensor) -> Tensor:
        """(tiles, 3, tile, tile) -> (tiles, patches, hidden), row by row."""
        tiles, colours = pixels.shape[:2]
        seen = self._side * self._edge  # a rest of less than a patch is not seen, as in the stock convolution
        cut = pixels[:, :, :seen, :seen].reshape(tiles, colours, self._side, self._edge, self._side, self._edge)
        patches = self._embed(cut.permute(0, 2, 4, 1, 3, 5).reshape(-1, colours * self._edge**2))
        return patches.view(tiles, len(self._positions), -1) + self._positions
