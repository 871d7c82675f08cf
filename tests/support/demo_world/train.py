"""Train the demo model from nothing: `python -m tests.support.demo_world.train` writes its folder anew.

First the eyes, then the words. One thread computes and one process draws, so that a run is reproducible and takes about
two cores. A run that was broken off goes on where it was, from a state that is at most five minutes old.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from transformers import SmolVLMForConditionalGeneration

from config.recipes import load_recipe
from tests.support.checkout import ROOT
from tests.support.demo_world.checkpoint import make_config, make_tokenizer, write_processor_files
from tests.support.demo_world.eyes import teach_eyes
from tests.support.demo_world.words import teach_words

CHECKPOINT = ROOT / "daemon" / "inference" / "demo_model" / "checkpoint"
#: A model that has learned already needs smaller steps.
RATE_OF_A_SECOND_COURSE = 0.5


def save(model: SmolVLMForConditionalGeneration, folder: Path) -> None:
    model.bfloat16().save_pretrained(folder)
    write_processor_files(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=CHECKPOINT, help="folder to write the checkpoint into")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "demo_model", help="folder to resume from")
    parser.add_argument("--begin", type=Path, help="checkpoint to begin with; its tokenizer must be the same")
    parser.add_argument("--eyes", type=int, default=4200, help="steps of the first course")
    parser.add_argument("--words", type=int, default=4000, help="steps of the second course")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(7)
    began = time.monotonic()

    def report(line: str) -> None:
        print(f"{(time.monotonic() - began) / 60:6.1f} min  {line}", flush=True)

    chosen.out.mkdir(parents=True, exist_ok=True)
    chosen.work.mkdir(parents=True, exist_ok=True)
    recipe = load_recipe()
    tokenizer = make_tokenizer(chosen.out, [question.ask for question in recipe.image + recipe.video])
    if chosen.begin:
        model = SmolVLMForConditionalGeneration.from_pretrained(chosen.begin).float()
    else:
        model = SmolVLMForConditionalGeneration(make_config(tokenizer)).float()
    rate = RATE_OF_A_SECOND_COURSE if chosen.begin else 1.0
    report(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer)} tokens")
    teach_eyes(model, chosen.eyes, rate, chosen.work / "eyes.pt", report)
    teach_words(model, tokenizer, chosen.words, rate, chosen.work / "words.pt", report)
    save(model, chosen.out)


if __name__ == "__main__":
    main()
