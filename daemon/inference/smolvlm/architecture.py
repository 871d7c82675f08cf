"""The shape of a SmolVLM of any size: what config.json holds, and the tensors that follow from it by rule.

Source: transformers' SmolVLMForConditionalGeneration. Defaults are those of its SmolVLMVisionConfig and LlamaConfig;
what decides the answers and has no safe default, such as the rotary base, must be in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.inference.smolvlm.checkpoint import read_json, unusable_checkpoint

Shapes = dict[str, tuple[int, ...]]

VISION, TEXT, CONNECTOR = "model.vision_model", "model.text_model", "model.connector.modality_projection.proj"
HEAD = "lm_head.weight"
ACTIVATIONS = {"text": "silu", "vision": "gelu_pytorch_tanh"}


@dataclass(frozen=True, kw_only=True)
class VisionShape:
    layers: int
    heads: int
    hidden: int
    intermediate: int
    image: int
    patch: int
    eps: float

    @property
    def side(self) -> int:
        """Patches along one edge of a tile. A rest of less than a patch is not seen."""
        return self.image // self.patch


@dataclass(frozen=True, kw_only=True)
class TextShape:
    """`width`: of one head; `rope_base`: of the rotary positions."""

    layers: int
    heads: int
    kv_heads: int
    width: int
    hidden: int
    intermediate: int
    vocabulary: int
    eps: float
    rope_base: float


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """`merge`: the connector joins `merge` x `merge` patches into one token. `is_tied`: the head is the embedding."""

    vision: VisionShape
    text: TextShape
    merge: int
    image_id: int
    is_tied: bool

    @property
    def connector_width(self) -> int:
        return self.vision.hidden * self.merge**2

    def shapes(self) -> Shapes:
        """Every tensor's name and shape, in the layout of Hugging Face."""
        head = {} if self.is_tied else {HEAD: (self.text.vocabulary, self.text.hidden)}
        connector = {f"{CONNECTOR}.weight": (self.text.hidden, self.connector_width)}
        return {**vision_shapes(self.vision), **connector, **text_shapes(self.text), **head}


def read_architecture(folder: Path) -> Architecture:
    """From config.json; raises ModelUnavailableError for a missing number and for one that contradicts another."""
    file = folder / "config.json"
    config = read_json(file)
    try:
        return architecture_of(config)
    except (KeyError, TypeError, ValueError) as error:
        raise unusable_checkpoint(file, f"lacks or misstates {error}") from error


def architecture_of(config: Mapping[str, Any]) -> Architecture:
    """Raises KeyError, TypeError or ValueError."""
    text, vision = config["text_config"], config["vision_config"]
    for part, found in (("text", text), ("vision", vision)):
        if (activation := found.get("hidden_act", ACTIVATIONS[part])) != ACTIVATIONS[part]:
            raise ValueError(f"hidden_act: {activation}")
    heads, hidden = int(text["num_attention_heads"]), int(text["hidden_size"])
    return Architecture(
        vision=VisionShape(
            layers=int(vision.get("num_hidden_layers", 12)),
            heads=int(vision["num_attention_heads"]),
            hidden=int(vision["hidden_size"]),
            intermediate=int(vision.get("intermediate_size", 3072)),
            image=int(vision["image_size"]),
            patch=int(vision["patch_size"]),
            eps=float(vision.get("layer_norm_eps", 1e-6)),
        ),
        text=TextShape(
            layers=int(text["num_hidden_layers"]),
            heads=heads,
            kv_heads=int(text["num_key_value_heads"]),
            width=int(text.get("head_dim") or hidden // heads),
            hidden=hidden,
            intermediate=int(text["intermediate_size"]),
            vocabulary=int(text["vocab_size"]),
            eps=float(text["rms_norm_eps"]),
            rope_base=rope_base_of(text),
        ),
        merge=int(config["scale_factor"]),
        image_id=int(config["image_token_id"]),
        is_tied=bool(config["tie_word_embeddings"]),
    )


def rope_base_of(text: Mapping[str, Any]) -> float:
    """Files of transformers 4 have `rope_theta`, those of 5 have it in `rope_parameters`.

    Raises KeyError without it: a default would give wrong answers without an error. Raises ValueError for scaled
    rotary positions, which no SmolVLM has.
    """
    parameters = text.get("rope_parameters") or text.get("rope_scaling") or {}
    kind = parameters.get("rope_type", parameters.get("type", "default"))
    if kind != "default":
        raise ValueError(f"rope_type: {kind}")
    return float(parameters["rope_theta"] if "rope_theta" in parameters else text["rope_theta"])


def vision_shapes(shape: VisionShape) -> Shapes:
    hidden, patch, found = shape.hidden, shape.patch, Shapes()
    found[f"{VISION}.embeddings.patch_embedding.weight"] = (hidden, 3, patch, patch)
    found[f"{VISION}.embeddings.patch_embedding.bias"] = (hidden,)
    found[f"{VISION}.embeddings.position_embedding.weight"] = (shape.side**2, hidden)
    for number in range(shape.layers):
        layer = f"{VISION}.encoder.layers.{number}"
        for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
            found |= with_bias(f"{layer}.self_attn.{name}", hidden, hidden)
        found |= norm(f"{layer}.layer_norm1", hidden)
        found |= with_bias(f"{layer}.mlp.fc1", shape.intermediate, hidden)
        found |= with_bias(f"{layer}.mlp.fc2", hidden, shape.intermediate)
        found |= norm(f"{layer}.layer_norm2", hidden)
    return found | norm(f"{VISION}.post_layernorm", hidden)


def text_shapes(shape: TextShape) -> Shapes:
    hidden, queries, keys = shape.hidden, shape.heads * shape.width, shape.kv_heads * shape.width
    found: Shapes = {f"{TEXT}.embed_tokens.weight": (shape.vocabulary, hidden)}
    for number in range(shape.layers):
        layer = f"{TEXT}.layers.{number}"
        found |= {
            f"{layer}.self_attn.q_proj.weight": (queries, hidden),
            f"{layer}.self_attn.k_proj.weight": (keys, hidden),
            f"{layer}.self_attn.v_proj.weight": (keys, hidden),
            f"{layer}.self_attn.o_proj.weight": (hidden, queries),
            f"{layer}.mlp.gate_proj.weight": (shape.intermediate, hidden),
            f"{layer}.mlp.up_proj.weight": (shape.intermediate, hidden),
            f"{layer}.mlp.down_proj.weight": (hidden, shape.intermediate),
            f"{layer}.input_layernorm.weight": (hidden,),
            f"{layer}.post_attention_layernorm.weight": (hidden,),
        }
    return found | {f"{TEXT}.norm.weight": (hidden,)}


def with_bias(name: str, out: int, width: int) -> Shapes:
    return {f"{name}.weight": (out, width), f"{name}.bias": (out,)}


def norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}
