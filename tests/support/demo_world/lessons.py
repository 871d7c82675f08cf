"""The curriculum of the second course: scenes with their questions, and how many of each kind a batch has.

The share of a kind decides what is remembered: what is asked rarely is forgotten, and order in time is learned last.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from daemon.inference.smolvlm.prompts import Tiling, chat, image_block, place_pictures, video_block
from tests.support.demo_world.answers import (
    IMAGE_QUESTIONS,
    VIDEO_QUESTIONS,
    Asked,
    balanced,
    film_answers,
    film_yes_no,
    from_recipes,
    happenings,
    picture_answers,
    picture_yes_no,
)
from tests.support.demo_world.checkpoint import TOKENS_A_TILE
from tests.support.demo_world.comparisons import (
    Series,
    any_pictures,
    with_colours,
    with_counts,
    with_differences,
    with_growth,
)
from tests.support.demo_world.drawing import CANVASES, draw, film_frames
from tests.support.demo_world.text_questions import some_question
from tests.support.demo_world.tiles import squeezed, worn
from tests.support.demo_world.world import (
    Film,
    Picture,
    some_blank_film,
    some_eventful_film,
    some_film,
    some_picture,
    some_plain_picture,
)

SYSTEMS = ("Be brief.", "Answer in English.")
TILE_BLOCK = image_block(Tiling(0, 0), TOKENS_A_TILE)


@dataclass(frozen=True)
class Lesson:
    """What is shown, tiles (TILE, TILE, 3) uint8 and possibly none, and the prompts about it with their answers."""

    texts: list[Asked]
    tiles: list[NDArray[np.uint8]] = field(default_factory=list)


def some_system(rng: random.Random) -> str | None:
    return rng.choice(SYSTEMS) if rng.random() < 0.05 else None


def shown_images(images: Sequence[Image.Image], asked: Sequence[Asked], rng: random.Random) -> Lesson:
    """All pictures before the question, as `ask` puts them; without pictures, the question alone."""
    blocks, system = [TILE_BLOCK] * len(images), some_system(rng)
    prompts = [chat(place_pictures(ask, blocks), picture_first=bool(images), system=system) for ask, _ in asked]
    answers = [answer for _, answer in asked]
    return Lesson(list(zip(prompts, answers, strict=True)), [worn(image, rng, 0.5) for image in images])


def shown_pictures(pictures: Sequence[Picture], asked: Sequence[Asked], rng: random.Random) -> Lesson:
    return shown_images([squeezed(draw(picture, rng), rng) for picture in pictures], asked, rng)


def shown_frames(frames: Sequence[Image.Image], asked: Sequence[Asked], rng: random.Random) -> Lesson:
    """Frames about a second apart, with times as the sampling rule gives them."""
    count = len(frames)
    times = [max(0.0, k * count / max(1, count - 1) - (0.05 if k else 0)) for k in range(count)]
    block = video_block(times, count - rng.choice((0, 0, 0, 0.1)), TOKENS_A_TILE)
    system = some_system(rng)
    texts = [(chat(block + ask, picture_first=False, system=system), answer) for ask, answer in asked]
    return Lesson(texts, [worn(frame, rng, 0.8) for frame in frames])


def shown_film(film: Film, asked: Sequence[Asked], rng: random.Random) -> Lesson:
    """Two events need six frames to be told apart."""
    count = rng.randint(6 if film.then else 2, 9)
    return shown_frames(film_frames(film, rng, count, rng.choice(CANVASES)), asked, rng)


def recipe_and(asked: list[Asked], recipes: list[Asked], rng: random.Random, others: int) -> list[Asked]:
    """The caption and the summary, so many other questions of recipes, and these."""
    return [*recipes[:2], *rng.sample(recipes[2:], others), *asked]


def picture_lesson(rng: random.Random, some: Callable[[random.Random], Picture] = some_picture) -> Lesson:
    picture = some(rng)
    questions = [*rng.sample(picture.questions(), 2), *balanced(picture_yes_no(picture), rng)]
    asked = recipe_and(questions, from_recipes(IMAGE_QUESTIONS, picture_answers(picture)), rng, 1)
    return shown_pictures([picture], asked, rng)


def film_lesson(rng: random.Random, some: Callable[[random.Random], Film] = some_film) -> Lesson:
    film = some(rng)
    questions = [rng.choice(happenings(film)), *balanced(film_yes_no(film), rng)]
    asked = recipe_and(questions, from_recipes(VIDEO_QUESTIONS, film_answers(film)), rng, 1)
    return shown_film(film, asked, rng)


def eventful_lesson(rng: random.Random) -> Lesson:
    film = some_eventful_film(rng)
    questions = [*happenings(film), *balanced(film_yes_no(film), rng)[:1]]
    asked = recipe_and(questions, from_recipes(VIDEO_QUESTIONS, film_answers(film)), rng, 1)
    return shown_film(film, asked, rng)


def nothing_lesson(rng: random.Random) -> Lesson:
    """A plain picture, or a clip of one."""
    return picture_lesson(rng, some_plain_picture) if rng.random() < 0.5 else film_lesson(rng, some_blank_film)


def series_lesson(rng: random.Random, make: Callable[[random.Random], Series]) -> Lesson:
    series = make(rng)
    return shown_pictures(series.pictures, list(dict(series.asked).items()), rng)


def text_lesson(rng: random.Random, count: int = 16) -> Lesson:
    return shown_images([], list(dict(some_question(rng) for _ in range(count)).items()), rng)


#: A batch: so many lessons of each kind. Clips have the largest share: they are learned last and forgotten first.
ORDER: dict[str, tuple[int, Callable[[random.Random], Lesson]]] = {
    "clips": (5, film_lesson),
    "two events": (2, eventful_lesson),
    "pictures": (4, picture_lesson),
    "nothing": (1, nothing_lesson),
    "colours": (3, partial(series_lesson, make=with_colours)),
    "counts": (3, partial(series_lesson, make=with_counts)),
    "differences": (3, partial(series_lesson, make=with_differences)),
    "growth": (3, partial(series_lesson, make=with_growth)),
    "any pictures": (2, partial(series_lesson, make=any_pictures)),
    "text": (2, text_lesson),
}
KINDS = tuple(kind for kind, (count, _) in ORDER.items() for _ in range(count))


def batch(rng: random.Random, _step: int) -> list[Lesson]:
    """One lesson for each of KINDS."""
    return [ORDER[kind][1](rng) for kind in KINDS]
