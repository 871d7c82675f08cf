"""SmolVLM's vision tower and connector over the weights of transformers' modules, for whole tiles.

Only matrices are multiplied, never stacks of them: Apple's GPUs computed products of stacks with a bias wrong
(pytorch#192934, M1 on macOS 26 with torch 2.13), and slowly (pytorch#189847).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from daemon.inference.torch.attention import AttentionKernel, fused
from daemon.inference.torch.linear import Layout, laid_out, together, with_gelu
from daemon.inference.torch.tile_pool import TilePool

#: 2 MiB of scores each in bf16, for 1,024 patches.
HEADS_AT_ONCE = 2


class VisionLayer:
    """One layer's weights; those that are multiplied with the same thing lie together."""

    def __init__(self, layer: Any, lay: Layout, kernel: AttentionKernel) -> None:
        self._kernel = kernel
        attention, mlp = layer.self_attn, layer.mlp
        self.heads: int = attention.num_heads
        self.qkv = together(attention.q_proj, attention.k_proj, attention.v_proj, lay=lay)
        self.out = together(attention.out_proj, lay=lay)
        self.up, self.down = with_gelu(mlp.fc1, lay=lay), together(mlp.fc2, lay=lay)
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
    """Everything sees everything: (tiles, heads, patches, width) each -> the same.

    On a CPU plain products of contiguous matrices beat the fused kernel, a few heads at a time, so that their scores
    stay in the cache between the products.
    """
    if queries.device.type != "cpu":
        return kernel(queries, keys, values)
    scale, (tiles, heads, patches, _) = queries.shape[-1] ** -0.5, queries.shape
    attended = torch.empty_like(queries, memory_format=torch.contiguous_format)
    scores = queries.new_empty(HEADS_AT_ONCE, patches, patches)
    for tile in range(tiles):
        q, k, v = (queries[tile] * scale).contiguous(), keys[tile].contiguous(), values[tile].contiguous()
        for first in range(0, heads, HEADS_AT_ONCE):
            some = slice(first, first + HEADS_AT_ONCE)
            weights = scores[: len(q[some])]
            torch.bmm(q[some], k[some].transpose(1, 2), out=weights)
            torch.softmax(weights, -1, out=weights)
            torch.bmm(weights, v[some], out=attended[tile, some])
    return attended


class VisionModel:
    """Takes the weights out of a loaded SmolVLMForConditionalGeneration, whose vision layers are empty afterwards."""

    def __init__(self, model: Any, lay: Layout = laid_out, kernel: AttentionKernel = fused) -> None:
        vision, connector = model.model.vision_model, model.model.connector
        self._patches = Patches(vision.embeddings)
        self._layers: list[VisionLayer] = []
        for number in range(len(vision.encoder.layers)):
            self._layers.append(VisionLayer(vision.encoder.layers[number], lay, kernel))
            vision.encoder.layers[number] = nn.Identity()  # lets the module's own copy go
        self._norm: Callable[[Tensor], Tensor] = vision.post_layernorm
        self._shuffle: Callable[[Tensor, int], Tensor] = connector.pixel_shuffle
        self._scale: int = connector.scale_factor
        self._project = together(connector.modality_projection.proj)
        threads, is_16_bits = torch.get_num_threads(), vision.dtype is torch.bfloat16
        gains = vision.device.type == "cpu" and is_16_bits and threads > 1
        self._apart = TilePool(threads) if gains else None

    def __call__(self, pixels: Tensor) -> Tensor:
        """Tiles (tiles, 3, tile, tile) -> features (tiles, tokens a tile, hidden of the language model).

        A CPU takes them one by one, so that a tile's numbers stay in its cache from layer to layer; as many at a time
        as there are threads, and what is left over on all threads together.
        """
        if pixels.device.type != "cpu":
            return self._look(pixels)
        tiles = [pixels[number : number + 1] for number in range(len(pixels))]
        apart = 0 if self._apart is None else len(tiles) - len(tiles) % self._apart.threads
        seen = self._apart(self._look, tiles[:apart]) if self._apart is not None else []
        return torch.cat([*seen, *(self._look(tile) for tile in tiles[apart:])])

    def _look(self, pixels: Tensor) -> Tensor:
        hidden = self._patches(pixels)
        for layer in self._layers:
            hidden = layer(hidden)
        shuffled = self._shuffle(self._norm(hidden), self._scale)
        return self._project(shuffled.flatten(0, 1)).view(*shuffled.shape[:2], -1)


class Patches:
    """Tiles as embedded patches: one product, and a table of positions.

    The stock module looks a patch's position up by its distance from the tile's edge (`SmolVLMVisionEmbeddings`). In a
    whole tile, patch i has position i; a device whose division is off by one bit would find the neighbour's instead.
    """

    def __init__(self, embeddings: Any) -> None:
        convolution = embeddings.patch_embedding
        self._edge: int = embeddings.patch_size
        self._side: int = embeddings.num_patches_per_side
        self._embed = laid_out(convolution.weight.detach().flatten(1), convolution.bias.detach())
        self._positions: Tensor = embeddings.position_embedding.weight.detach()

    def __call__(self, pixels: Tensor) -> Tensor:
        """(tiles, 3, tile, tile) -> (tiles, patches, hidden), row by row."""
        tiles, colours = pixels.shape[:2]
        cut = pixels.view(tiles, colours, self._side, self._edge, self._side, self._edge)
        patches = self._embed(cut.permute(0, 2, 4, 1, 3, 5).reshape(-1, colours * self._edge**2))
        return patches.view(tiles, len(self._positions), -1) + self._positions
