"""The published models' shapes: their configurations at full size, and tiny random models of the same rules."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import SmolVLMForConditionalGeneration

from config.recipes import load_recipe
from daemon.inference.smolvlm.architecture import architecture_of
from daemon.inference.weights.random import FILES, TENSORS, write_tensors
from tests.support.checkpoints import SPREAD
from tests.support.demo_world.checkpoint import make_config, make_tokenizer, write_processor_files


def heads(queries: int, keys: int) -> dict[str, int]:
    return {"num_attention_heads": queries, "num_key_value_heads": keys}


#: What differs from the 500M model's configuration in the published ones: text, vision, and the pixel shuffle factor.
SIZES: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "256m": ({"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, **heads(9, 3)}, {}, 4),
    "2.2b": (
        {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 24, **heads(32, 32)},
        {
            "hidden_size": 1152,
            "intermediate_size": 4304,
            "num_hidden_layers": 27,
            "num_attention_heads": 16,
            "image_size": 384,
            "patch_size": 14,
        },
        3,
    ),
}
#: The same rules in two layers: heads 64 wide in the text, three for each of keys or one for each; heads of vision 64
#: or 72 wide; patches of 16 that fill a tile, or of 14 with a rest of 6 pixels that is not seen.
TWINS: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "256m": (
        {"hidden_size": 192, "intermediate_size": 512, **heads(3, 1)},
        {
            "hidden_size": 128,
            "intermediate_size": 512,
            "num_attention_heads": 2,
            "image_size": 128,
            "patch_size": 16,
        },
        4,
    ),
    "2.2b": (
        {"hidden_size": 128, "intermediate_size": 512, **heads(2, 2)},
        {
            "hidden_size": 144,
            "intermediate_size": 538,
            "num_attention_heads": 2,
            "image_size": 90,
            "patch_size": 14,
        },
        3,
    ),
}
#: The stock rule's longest edge, in tiles.
STOCK_TILES = 4


def config_of(size: str) -> dict[str, Any]:
    """config.json of the published model, as far as smolwatch reads it."""
    config: dict[str, Any] = json.loads((FILES / "config.json").read_text())
    text, vision, merge = SIZES[size]
    text_config, vision_config = config["text_config"] | text, config["vision_config"] | vision
    return config | {"text_config": text_config, "vision_config": vision_config, "scale_factor": merge}


def write_full_size(folder: Path, size: str) -> Path:
    """Fills `folder` with a checkpoint of the published shape, with random weights in bf16."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in FILES.glob("*.json"):
        if file.name != TENSORS:
            shutil.copyfile(file, folder / file.name)
    config = config_of(size)
    (folder / "config.json").write_text(json.dumps(config))
    vision, merge = config["vision_config"], config["scale_factor"]
    tile, tokens = vision["image_size"], (vision["image_size"] // vision["patch_size"] // merge) ** 2
    preprocessor = json.loads((folder / "preprocessor_config.json").read_text())
    preprocessor["max_image_size"] = preprocessor["video_sampling"]["video_size"] = {"longest_edge": tile}
    preprocessor["size"] = {"longest_edge": STOCK_TILES * tile}
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    (folder / "processor_config.json").write_text(json.dumps({"image_seq_len": tokens}))
    with (folder / "model.safetensors").open("wb") as opened:
        write_tensors(opened, architecture_of(config).shapes(), seed=0)
    return folder


def write_twin(folder: Path, size: str, *, tied: bool = False) -> Path:
    """Fills `folder` with a tiny random model of these shape rules, in float32; `tied`: its head is the embedding."""
    folder.mkdir(parents=True, exist_ok=True)
    recipe = load_recipe()
    tokenizer = make_tokenizer(folder, [question.ask for question in recipe.image + recipe.video])
    text, vision, merge = TWINS[size]
    config: Any = make_config(tokenizer)
    for part, changes in ((config.text_config, text), (config.vision_config, vision)):
        for name, value in {**changes, "num_hidden_layers": 2}.items():
            setattr(part, name, value)
    config.text_config.head_dim = 64
    config.scale_factor, config.tie_word_embeddings = merge, tied
    model = SmolVLMForConditionalGeneration(config).float()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if tensor.ndim > 1:
                tensor.normal_(0, SPREAD, generator=generator)
            elif "bias" in name:
                tensor.zero_()
    model.save_pretrained(folder)
    tile = vision["image_size"]
    write_processor_files(folder, tile=tile, tokens_per_tile=(tile // vision["patch_size"] // merge) ** 2)
    return folder
