"""Train the demo model from nothing: `python -m tests.support.demo_world.train` writes its folder anew.

First the eyes (vision tower and connector, under throw-away heads that name what a picture holds), then the words
(the decoder, on prompts of the recipe and of the world). One thread computes and one process draws, so that a run
is reproducible and takes about two cores. A run that was broken off between the courses goes on with the second.
"""

from __future__ import annotations

import argparse
import io
import itertools
import math
import random
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset
from transformers import PreTrainedTokenizerFast, SmolVLMForConditionalGeneration

from daemon.inference.smolvlm.prompts import Tiling, chat, image_block, video_block
from tests.support.checkout import ROOT
from tests.support.demo_world.checkpoint import TILE, make_config, make_tokenizer, write_processor_files
from tests.support.demo_world.drawing import draw, film_frames
from tests.support.demo_world.world import (
    BACKGROUNDS,
    COLOURS,
    SHAPES,
    SIZES,
    WORDS,
    Film,
    Picture,
    some_film,
    some_picture,
)

CHECKPOINT = ROOT / "daemon" / "inference" / "demo_model" / "checkpoint"
RECIPE = tomllib.loads((ROOT / "config" / "recipes.toml").read_text())["default"]
TOKENS_A_TILE = 4
NOBODY = -100


# What the eyes are taught: one label a property, NOBODY where a picture has no such property.


@dataclass(frozen=True)
class Sight:
    """One frame (TILE x TILE x 3, uint8) and what is true of it."""

    pixels: NDArray[np.uint8]
    labels: tuple[int, ...]


PROPERTIES = {
    "colour": len(COLOURS),
    "background": len(BACKGROUNDS),
    "shape": len(SHAPES),
    "count": 5,
    "size": len(SIZES),
    "column": 3,
    "row": 3,
    "word": len(WORDS) + 1,
}


def index(names: tuple[str, ...], name: str) -> int:
    return names.index(name) if name else NOBODY


def picture_labels(picture: Picture) -> tuple[int, ...]:
    single = picture.count == 1
    return (
        list(COLOURS).index(picture.colour),
        list(BACKGROUNDS).index(picture.background),
        index(SHAPES, picture.shape),
        picture.count,
        index(SIZES, picture.size),
        picture.column if single else NOBODY,
        picture.row if single else NOBODY,
        WORDS.index(picture.word) if picture.word else len(WORDS),
    )


def film_labels(film: Film, seen: bool, colour: str) -> tuple[int, ...]:
    return (
        list(COLOURS).index(colour) if seen else NOBODY,
        list(BACKGROUNDS).index(film.background),
        SHAPES.index(film.shape) if seen else NOBODY,
        int(seen),
        NOBODY,
        NOBODY,
        NOBODY,
        len(WORDS),
    )


def worn(picture: Image.Image, rng: random.Random, share: float) -> NDArray[np.uint8]:
    """The picture as files leave it: now and then through JPEG, sometimes with grain."""
    if rng.random() < share:
        packed = io.BytesIO()
        picture.save(packed, "JPEG", quality=rng.randint(35, 95))
        picture = Image.open(packed)
    pixels = np.asarray(fit(picture), dtype=np.int16)
    if rng.random() < 0.3:
        grain = np.random.default_rng(rng.getrandbits(32)).normal(0, rng.uniform(1, 6), pixels.shape)
        pixels = pixels + grain.astype(np.int16)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def fit(picture: Image.Image) -> Image.Image:
    """One tile, as the processor makes it: longest edge to TILE, then to a square."""
    width, height = picture.size
    longest = max(width, height)
    short = min(width, height) * TILE // longest
    short += short % 2
    size = (TILE, short) if width >= height else (short, TILE)
    lanczos = Image.Resampling.LANCZOS
    return picture.resize(size, lanczos).resize((TILE, TILE), lanczos)


def some_sight(rng: random.Random) -> Sight:
    if rng.random() < 0.75:
        picture = some_picture(rng)
        return Sight(worn(draw(picture, rng), rng, 0.5), picture_labels(picture))
    film, count = some_film(rng), rng.randint(2, 9)
    k = rng.randrange(count)
    seed = rng.getrandbits(32)
    frames = film_frames(film, random.Random(seed), count)
    seen, colour = what_is_there(film, frames[k])
    return Sight(worn(frames[k], rng, 0.8), film_labels(film, seen, colour))


def what_is_there(film: Film, frame: Image.Image) -> tuple[bool, str]:
    """Whether the film's shape stands in this frame, and in which of the film's colours."""
    ground = np.array(frame.getpixel((0, 0)), dtype=int)
    pixels = np.asarray(frame, dtype=int)
    there = np.abs(pixels - ground).sum(axis=2) > 30
    if not there.any():
        return False, film.colour
    mean = pixels[there].mean(axis=0)
    colours = [film.colour, film.second_colour or film.colour]
    return True, min(colours, key=lambda c: float(np.abs(mean - np.array(COLOURS[c])).sum()))


# Batches, drawn in a process of their own.


Draw = Callable[[random.Random, int], Any]
Report = Callable[[str], None]


class Drawings(IterableDataset[Any]):
    """An endless stream of batches from one seed; `make` draws a batch."""

    def __init__(self, seed: int, make: Draw) -> None:
        self.seed, self.make = seed, make

    def __iter__(self) -> Iterator[Any]:
        torch.set_num_threads(1)
        rng = random.Random(self.seed)
        for step in itertools.count():
            yield self.make(rng, step)


def stream(seed: int, make: Draw) -> Iterator[Any]:
    return iter(DataLoader(Drawings(seed, make), batch_size=None, num_workers=1, prefetch_factor=8))


def sights(rng: random.Random, step: int, rows: int = 64) -> tuple[Tensor, Tensor]:
    seen = [some_sight(rng) for _ in range(rows)]
    return torch.from_numpy(np.stack([s.pixels for s in seen])), torch.tensor([s.labels for s in seen])


@dataclass(frozen=True)
class Lesson:
    """Frames (n, TILE, TILE, 3) shared in equal runs by consecutive rows of prompt-and-answer texts."""

    frames: Tensor
    rows_a_scene: int
    texts: list[tuple[str, str]]


def picture_lesson(rng: random.Random, scenes: int = 24) -> Lesson:
    frames, texts = [], []
    block = image_block(Tiling(0, 0), TOKENS_A_TILE)
    for _ in range(scenes):
        picture = some_picture(rng)
        frames.append(worn(draw(picture, rng), rng, 0.5))
        asked = [
            (RECIPE["image"]["caption"]["ask"], picture.caption),
            (RECIPE["image"]["summary"]["ask"], picture.summary),
            *rng.sample(picture.questions(), 2),
        ]
        texts += [(chat(block + ask, picture_first=True), answer) for ask, answer in asked]
    return Lesson(torch.from_numpy(np.stack(frames)), 4, texts)


def film_lesson(rng: random.Random, scenes: int = 16) -> Lesson:
    frames, texts = [], []
    count = rng.randint(2, 9)
    for _ in range(scenes):
        film = some_film(rng)
        frames += [worn(f, rng, 0.8) for f in film_frames(film, rng, count)]
        times = [max(0.0, k * count / max(1, count - 1) - (0.05 if k else 0)) for k in range(count)]
        length = count - rng.choice((0, 0, 0, 0.1))
        block = video_block(times, length, TOKENS_A_TILE)
        asked = (
            (RECIPE["video"]["caption"]["ask"], film.caption),
            (RECIPE["video"]["summary"]["ask"], film.summary),
        )
        texts += [(chat(block + ask, picture_first=False), answer) for ask, answer in asked]
    return Lesson(torch.from_numpy(np.stack(frames)), 2, texts)


def lessons(rng: random.Random, step: int) -> Lesson:
    pictures_only = step < 200
    return picture_lesson(rng) if pictures_only or step % 2 else film_lesson(rng)


# The two courses.


def pixels_of(frames: Tensor) -> Tensor:
    """(n, H, W, 3) uint8 -> (n, 1, 3, H, W) in -1..1, the model's own form."""
    return (frames.permute(0, 3, 1, 2).float() / 127.5 - 1).unsqueeze(1)


def look(model: SmolVLMForConditionalGeneration, frames: Tensor) -> Tensor:
    """Connector features (n, TOKENS_A_TILE, hidden)."""
    seen = model.model.vision_model(pixel_values=pixels_of(frames)[:, 0]).last_hidden_state
    features: Tensor = model.model.connector(seen)
    return features


class Optimisers:
    """Muon for the hidden matrices (Jordan et al. 2024), AdamW for the rest, one warm-up and one cosine for both."""

    def __init__(self, modules: list[nn.Module], rate: float, matrix_rate: float) -> None:
        named = [(n, p) for m in modules for n, p in m.named_parameters() if p.requires_grad]
        hidden = [p for n, p in named if p.ndim == 2 and "layers." in n]
        rest = [p for n, p in named if not (p.ndim == 2 and "layers." in n)]
        self.parameters = hidden + rest
        self.all = [
            torch.optim.Muon(hidden, lr=matrix_rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(rest, lr=rate, weight_decay=0.01, betas=(0.9, 0.98)),
        ]
        self.rates = [matrix_rate, rate]

    def step(self, loss: Tensor, done: float) -> None:
        """`done` is the share of the course behind us, 0..1."""
        scale = min(1.0, done / 0.02) * (0.5 + 0.5 * math.cos(math.pi * min(1.0, done)))
        for optimiser, rate in zip(self.all, self.rates, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * scale
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for optimiser in self.all:
            optimiser.step()


class Heads(nn.Module):
    """Throw-away readers of the connector's tokens: one linear layer a property."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.read = nn.ModuleDict({name: nn.Linear(width * TOKENS_A_TILE, n) for name, n in PROPERTIES.items()})

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        flat = self.norm(features).flatten(1)
        return {name: reader(flat) for name, reader in self.read.items()}


def eye_loss(answers: dict[str, Tensor], labels: Tensor) -> Tensor:
    losses = [
        functional.cross_entropy(found, labels[:, k], ignore_index=NOBODY, reduction="sum") / len(labels)
        for k, found in enumerate(answers.values())
    ]
    return torch.stack(losses).sum()


def right_share(answers: dict[str, Tensor], labels: Tensor) -> dict[str, float]:
    shares = {}
    for k, (name, found) in enumerate(answers.items()):
        asked = labels[:, k] != NOBODY
        shares[name] = (found.argmax(1)[asked] == labels[asked, k]).float().mean().item()
    return shares


def teach_eyes(model: SmolVLMForConditionalGeneration, heads: Heads, steps: int, report: Report) -> None:
    batches = stream(11, sights)
    optimisers = Optimisers([model.model.vision_model, model.model.connector, heads], 1.5e-3, 4e-3)
    for step in range(steps):
        frames, labels = next(batches)
        loss = eye_loss(heads(look(model, frames)), labels)
        optimisers.step(loss, (step + 1) / steps)
        if step % 100 == 0 or step == steps - 1:
            with torch.no_grad():
                fresh, truth = sights(random.Random(10**6 + step), 0, 256)
                shares = right_share(heads(look(model, fresh)), truth)
            report(f"eyes {step} loss {loss.item():.3f} " + " ".join(f"{n} {s:.3f}" for n, s in shares.items()))


def spell(tokenizer: PreTrainedTokenizerFast, texts: list[tuple[str, str]]) -> tuple[Tensor, Tensor]:
    """Token ids and targets, padded on the right: (rows, length) each; only answers have targets."""
    rows = []
    for prompt, answer in texts:
        head = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        tail = [*tokenizer(f" {answer}", add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        rows.append((head + tail, [NOBODY] * len(head) + tail))
    length = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([row + [tokenizer.pad_token_id] * (length - len(row)) for row, _ in rows])
    targets = torch.tensor([row + [NOBODY] * (length - len(row)) for _, row in rows])
    return ids, targets


def word_loss(
    model: SmolVLMForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, lesson: Lesson
) -> tuple[Tensor, float]:
    """Cross-entropy over the answers' tokens, and the share of rows whose every token was the likeliest."""
    features = look(model, lesson.frames)
    ids, targets = spell(tokenizer, lesson.texts)
    scenes = len(lesson.texts) // lesson.rows_a_scene
    rows = features.reshape(scenes, -1, features.shape[-1]).repeat_interleave(lesson.rows_a_scene, dim=0)
    embedded = model.model.text_model.embed_tokens(ids)
    places = (ids == model.config.image_token_id).unsqueeze(-1)
    embedded = embedded.masked_scatter(places, rows)
    hidden = model.model.text_model(inputs_embeds=embedded, use_cache=False).last_hidden_state[:, :-1]
    asked = targets[:, 1:] != NOBODY
    logits, truth = model.lm_head(hidden[asked]), targets[:, 1:][asked]
    wrong = torch.zeros(len(ids), dtype=torch.bool)
    wrong[asked.nonzero()[:, 0][logits.argmax(1) != truth]] = True
    return functional.cross_entropy(logits, truth), 1 - wrong.float().mean().item()


def teach_words(
    model: SmolVLMForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, steps: int, report: Report
) -> None:
    batches = stream(12, lessons)
    model.model.vision_model.requires_grad_(False)
    optimisers = Optimisers([model.model.text_model, model.model.connector, model.lm_head], 1.5e-3, 4e-3)
    for step in range(steps):
        lesson = next(batches)
        loss, right = word_loss(model, tokenizer, lesson)
        optimisers.step(loss, (step + 1) / steps)
        if step % 50 < 2 or step == steps - 1:
            kind = "pictures" if lesson.rows_a_scene == 4 else "clips"
            report(f"words {step} {kind} loss {loss.item():.4f} exact {right:.3f}")


def save(model: SmolVLMForConditionalGeneration, folder: Path) -> None:
    model.bfloat16().save_pretrained(folder)
    write_processor_files(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=CHECKPOINT, help="folder to write the checkpoint into")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "demo_model", help="folder to resume from")
    parser.add_argument("--eyes", type=int, default=4200, help="steps of the first course")
    parser.add_argument("--words", type=int, default=1600, help="steps of the second course")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(7)
    began = time.monotonic()

    def report(line: str) -> None:
        print(f"{(time.monotonic() - began) / 60:6.1f} min  {line}", flush=True)

    chosen.out.mkdir(parents=True, exist_ok=True)
    chosen.work.mkdir(parents=True, exist_ok=True)
    prompts = [question["ask"] for kind in ("image", "video") for question in RECIPE[kind].values()]
    tokenizer = make_tokenizer(chosen.out, prompts)
    model = SmolVLMForConditionalGeneration(make_config(tokenizer)).float()
    report(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer)} tokens")
    eyes = chosen.work / "eyes.pt"
    if not eyes.exists():
        teach_eyes(model, Heads(model.config.text_config.hidden_size), chosen.eyes, report)
        torch.save(model.state_dict(), eyes)
    model.load_state_dict(torch.load(eyes))
    teach_words(model, tokenizer, chosen.words, report)
    save(model, chosen.out)


if __name__ == "__main__":
    main()
