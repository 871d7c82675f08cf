"""SmolVLM's language model over the weights of transformers' modules, for tokens of many rows at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm

from daemon.inference.torch.kv_cache import CacheShape
from daemon.inference.torch.linear import Layout, laid_out, together

#: (layer, queries, keys, values) -> what the queries gather; tokens x heads x width each.
Attention = Callable[[int, Tensor, Tensor, Tensor], Tensor]
EVERY = slice(None)


class Layer:
    """One layer's weights; those that are multiplied with the same thing lie together."""

    def __init__(self, layer: Any, lay: Layout) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self.qkv = together(attention.q_proj, attention.k_proj, attention.v_proj, lay=lay)
        self.out = together(attention.o_proj, lay=lay)
        self.gate_up = together(mlp.gate_proj, mlp.up_proj, lay=lay)
        self.down = together(mlp.down_proj, lay=lay)
        self.activation: Callable[[Tensor], Tensor] = mlp.act_fn
        self.attention_norm: Tensor = layer.input_layernorm.weight
        self.mlp_norm: Tensor = layer.post_attention_layernorm.weight


class TextModel:
    """Takes the weights out of a loaded SmolVLMForConditionalGeneration, whose text layers are empty afterwards."""

    def __init__(self, model: Any, lay: Layout = laid_out) -> None:
        text, config = model.model.text_model, model.config.text_config
        self.embed: Callable[[Tensor], Tensor] = text.embed_tokens
        weights: Tensor = text.embed_tokens.weight
        self.heads, self.kv_heads = config.num_attention_heads, config.num_key_value_heads
        self.eps: float = config.rms_norm_eps
        self.layers: list[Layer] = []
        for number in range(len(text.layers)):
            self.layers.append(Layer(text.layers[number], lay))
            text.layers[number] = nn.Identity()  # lets the module's own copy go
        self.norm: Tensor = text.norm.weight
        self.head = lay(model.lm_head.weight.detach(), None)
        # Computed on the CPU: whether a GPU's cosine of 8,000 radians is right, nobody has tried.
        places = torch.arange(config.max_position_embeddings)
        cos, sin = text.rotary_emb.to("cpu")(weights[:1].cpu(), places[None])
        self.cos, self.sin = (table[0].unsqueeze(1).to(weights.device) for table in (cos, sin))
        self.cache_shape = CacheShape(
            layers=len(self.layers),
            heads=self.kv_heads,
            width=self.cos.shape[-1],
            dtype=weights.dtype,
            device=weights.device,
        )

    def __call__(
        self, hidden: Tensor, positions: Tensor, attention: Attention, wanted: Tensor | slice = EVERY
    ) -> Tensor:
        """Embedded tokens (tokens, hidden) at their positions -> (wanted ones of them, hidden), not normed."""
        cos, sin = self.cos[positions], self.sin[positions]
        turned, size, shape = self.heads + self.kv_heads, hidden.shape[-1:], (len(hidden), -1, cos.shape[-1])
        for number, layer in enumerate(self.layers):
            heads = layer.qkv(rms_norm(hidden, size, layer.attention_norm, self.eps)).view(shape)
            rotated = rotate(heads[:, :turned], cos, sin)
            attended = attention(number, rotated[:, : self.heads], rotated[:, self.heads :], heads[:, turned:])
            if number == len(self.layers) - 1:  # of the others nothing is needed any more
                hidden, attended = hidden[wanted], attended[wanted]
            hidden = hidden + layer.out(attended.flatten(1))
            gate, up = layer.gate_up(rms_norm(hidden, size, layer.mlp_norm, self.eps)).chunk(2, dim=-1)
            hidden = hidden + layer.down(layer.activation(gate) * up)
        return hidden

    def scores(self, hidden: Tensor) -> Tensor:
        """(tokens, hidden) -> (tokens, vocabulary): how likely each token is to come next."""
        return self.head(rms_norm(hidden, hidden.shape[-1:], self.norm, self.eps))


def rotate(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions: heads (tokens, heads, width), the angles (tokens, 1, width)."""
    first, second = heads.chunk(2, dim=-1)
    return heads * cos + torch.cat((-second, first), dim=-1) * sin
