"""The first course: vision tower and connector learn to see, under throw-away heads that name what a picture holds."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from transformers import SmolVLMForConditionalGeneration

from tests.support.demo_world.checkpoint import TOKENS_A_TILE
from tests.support.demo_world.course import Notebook, Optimisers, Report, stream
from tests.support.demo_world.drawing import draw, film_frames
from tests.support.demo_world.tiles import squeezed, worn
from tests.support.demo_world.world import (
    COLOURS,
    GRADES,
    GROUNDS,
    SHAPES,
    WORDS,
    Film,
    Picture,
    some_blank_film,
    some_eventful_film,
    some_film,
    some_graded_picture,
    some_picture,
    some_plain_picture,
)

#: Of a property that a picture does not have.
NOBODY = -100
PROPERTIES = {
    "colour": len(COLOURS),
    "background": len(GROUNDS),
    "shape": len(SHAPES),
    "count": 5,
    "size": len(GRADES),
    "column": 3,
    "row": 3,
    "word": len(WORDS) + 1,
}


@dataclass(frozen=True)
class Sight:
    """One frame (TILE x TILE x 3, uint8) and what is true of it: one label a property."""

    pixels: NDArray[np.uint8]
    labels: tuple[int, ...]


def index(names: tuple[str, ...], name: str) -> int:
    return names.index(name) if name else NOBODY


def picture_labels(picture: Picture) -> tuple[int, ...]:
    single = picture.count == 1
    return (
        index(tuple(COLOURS), picture.colour),
        list(GROUNDS).index(picture.background),
        index(SHAPES, picture.shape),
        picture.count,
        index(GRADES, picture.size),
        picture.column if single else NOBODY,
        picture.row if single else NOBODY,
        WORDS.index(picture.word) if picture.word else len(WORDS),
    )


def film_labels(film: Film, seen: bool, colour: str) -> tuple[int, ...]:
    return (
        list(COLOURS).index(colour) if seen else NOBODY,
        list(GROUNDS).index(film.background),
        SHAPES.index(film.shape) if seen else NOBODY,
        int(seen),
        NOBODY,
        NOBODY,
        NOBODY,
        len(WORDS),
    )


def some_sight(rng: random.Random) -> Sight:
    kind = rng.random()
    if kind < 0.75:
        make = some_picture if kind < 0.6 else some_graded_picture if kind < 0.7 else some_plain_picture
        picture = make(rng)
        return Sight(worn(squeezed(draw(picture, rng), rng), rng, 0.5), picture_labels(picture))
    some = some_film if kind < 0.9 else some_eventful_film if kind < 0.98 else some_blank_film
    film, count = some(rng), rng.randint(2, 9)
    frame = rng.choice(film_frames(film, rng, count))
    seen, colour = what_is_there(film, frame)
    return Sight(worn(frame, rng, 0.8), film_labels(film, seen, colour))


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


def sights(rng: random.Random, step: int, rows: int = 64) -> tuple[Tensor, Tensor]:
    seen = [some_sight(rng) for _ in range(rows)]
    return torch.from_numpy(np.stack([s.pixels for s in seen])), torch.tensor([s.labels for s in seen])


def look(model: SmolVLMForConditionalGeneration, frames: Tensor) -> Tensor:
    """(n, TILE, TILE, 3) uint8 -> the connector's features (n, TOKENS_A_TILE, hidden)."""
    pixels = frames.permute(0, 3, 1, 2).float() / 127.5 - 1
    seen = model.model.vision_model(pixel_values=pixels).last_hidden_state
    features: Tensor = model.model.connector(seen)
    return features


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


def teach_eyes(model: SmolVLMForConditionalGeneration, steps: int, rate: float, file: Path, report: Report) -> None:
    heads = Heads(model.lm_head.in_features)
    optimisers = Optimisers([model.model.vision_model, model.model.connector, heads], 1.5e-3 * rate, 4e-3 * rate)
    notebook = Notebook(file, [model, heads], optimisers)
    first = notebook.open()
    batches = stream(11, sights, first)
    for step in range(first, steps):
        frames, labels = next(batches)
        loss = eye_loss(heads(look(model, frames)), labels)
        optimisers.step(loss, (step + 1) / steps)
        if step % 100 == 0 or step == steps - 1:
            with torch.no_grad():
                fresh, truth = sights(random.Random(10**6 + step), 0, 256)
                shares = right_share(heads(look(model, fresh)), truth)
            report(f"eyes {step} loss {loss.item():.3f} " + " ".join(f"{n} {s:.3f}" for n, s in shares.items()))
        notebook.note(step + 1, last=step == steps - 1)
