"""A tiny SmolVLM with random weights: the real architecture and files, to test how it runs, not its text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import SmolVLMForConditionalGeneration

from config.recipes import load_recipe
from tests.support.demo_world.checkpoint import make_config, make_tokenizer, write_processor_files

#: Wide enough that answers differ from each other; with the usual spread one token is the most likely everywhere.
SPREAD = 0.12
#: Most answers loop after a few words, each in its own pattern.
LOOPING = 0.03


def write_tiny_checkpoint(folder: Path, seed: int = 0, spread: float = SPREAD, layers: int = 4) -> Path:
    """Fills `folder` with the demo model's untrained twin, in float32; `layers` of text and of vision."""
    folder.mkdir(parents=True, exist_ok=True)
    recipe = load_recipe()
    tokenizer = make_tokenizer(folder, [question.ask for question in recipe.image + recipe.video])
    config: Any = make_config(tokenizer)
    config.text_config.num_hidden_layers = config.vision_config.num_hidden_layers = layers
    model = SmolVLMForConditionalGeneration(config).float()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if tensor.ndim > 1:
                tensor.normal_(0, spread, generator=generator)
            elif "bias" in name:
                tensor.zero_()
    model.save_pretrained(folder)
    write_processor_files(folder)
    return folder
