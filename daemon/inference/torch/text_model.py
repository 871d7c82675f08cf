"""SmolVLM's language model over the weights of transformers' modules, for tokens of many slots at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm

from daemon.inference.torch.kv_cache import CacheShape
from daemon.inference.torch.linear import Layout, fused_linear, native_layout

#: (layer, queries, keys, values) -> the attended values; tokens x heads x width each.
Attention = Callable[[int, Tensor, Tensor, Tensor], Tensor]
ALL_TOKENS = slice(None)


class Layer:
    """One layer's weights; those with the same input are fused."""

    def __init__(self, layer: Any, layout: Layout) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self.qkv = fused_linear(attention.q_proj, attention.k_proj, attention.v_proj, layout=layout)
        self.out = fused_linear(attention.o_proj, layout=layout)
        self.gate_up = fused_linear(mlp.gate_proj, mlp.up_proj, layout=layout)
        self.down = fused_linear(mlp.down_proj, layout=layout)
        self.activation: Callable[[Tensor], Tensor] = mlp.act_fn
        self.attention_norm: Tensor = layer.input_layernorm.weight
        self.mlp_norm: Tensor = layer.post_attention_layernorm.weight


class TextModel:
    """Takes the weights out of a loaded SmolVLMForConditionalGeneration, whose text layers are empty afterwards."""

    def __init__(self, model: Any, layout: Layout = native_layout) -> None:
        text, config = model.model.text_model, model.config.text_config
        self.embed: Callable[[Tensor], Tensor] = text.embed_tokens
        weights: Tensor = text.embed_tokens.weight
        self.heads, self.kv_heads = config.num_attention_heads, config.num_key_value_heads
        self.eps: float = config.rms_norm_eps
        self.hidden_size: int = config.hidden_size
        self.layers: list[Layer] = []
        for number in range(len(text.layers)):
            self.layers.append(Layer(text.layers[number], layout))
            text.layers[number] = nn.Identity()  # frees the module's own copy
        self.norm: Tensor = text.norm.weight
        self.head = layout(model.lm_head.weight.detach(), None)
        # Computed on the CPU: whether a GPU's cosine of 8,000 radians is right is untested.
        positions = torch.arange(config.max_position_embeddings)
        cos, sin = text.rotary_emb.to("cpu")(weights[:1].cpu(), positions[None])
        self.cos, self.sin = (table[0].unsqueeze(1).to(weights.device) for table in (cos, sin))
        self.cache_shape = CacheShape(
            layers=len(self.layers),
            heads=self.kv_heads,
            width=self.cos.shape[-1],
            dtype=weights.dtype,
            device=weights.device,
        )

    def __call__(
        self, hidden: Tensor, positions: Tensor, attention: Attention, output_tokens: Tensor | slice = ALL_TOKENS
    ) -> Tensor:
        """Embedded tokens (tokens, hidden) at their positions -> (`output_tokens` of them, hidden), not normed."""
        cos, sin = self.cos[positions], self.sin[positions]
        rotary_heads, size, shape = self.heads + self.kv_heads, hidden.shape[-1:], (len(hidden), -1, cos.shape[-1])
        for number, layer in enumerate(self.layers):
            heads = layer.qkv(rms_norm(hidden, size, layer.attention_norm, self.eps)).view(shape)
            rotated = rotate(heads[:, :rotary_heads], cos, sin)
            attended = attention(number, rotated[:, : self.heads], rotated[:, self.heads :], heads[:, rotary_heads:])
            if number == len(self.layers) - 1:  # the other tokens' outputs are not needed
                hidden, attended = hidden[output_tokens], attended[output_tokens]
            hidden = hidden + layer.out(attended.flatten(1))
            gate, up = layer.gate_up(rms_norm(hidden, size, layer.mlp_norm, self.eps)).chunk(2, dim=-1)
            hidden = hidden + layer.down(layer.activation(gate) * up)
        return hidden

    def scores(self, hidden: Tensor) -> Tensor:
        """(tokens, hidden) -> (tokens, vocabulary): the scores of each next token."""
        return self.head(rms_norm(hidden, hidden.shape[-1:], self.norm, self.eps))


def rotate(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions: heads (tokens, heads, width), the angles (tokens, 1, width)."""
    first, second = heads.chunk(2, dim=-1)
    return heads * cos + torch.cat((-second, first), dim=-1) * sin
