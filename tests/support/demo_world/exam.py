"""What the model has learned, on drawings of a seed that the training never uses.

`python -m tests.support.demo_world.exam FOLDER` prints how many answers of a checkpoint are right, by kind. The
drawings are tiles here, not files.
"""

from __future__ import annotations

import argparse
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image
from transformers import PreTrainedTokenizerFast, SmolVLMForConditionalGeneration

from tests.support.demo_world import comparisons
from tests.support.demo_world.answers import Asked, balanced, film_yes_no, happenings, picture_yes_no
from tests.support.demo_world.drawing import draw, film_frames
from tests.support.demo_world.lessons import Lesson, shown_frames, shown_images
from tests.support.demo_world.text_questions import some_question
from tests.support.demo_world.tiles import SQUEEZED
from tests.support.demo_world.words import mark
from tests.support.demo_world.world import (
    Film,
    Picture,
    some_blank_film,
    some_eventful_film,
    some_film,
    some_picture,
    some_plain_picture,
)

SEED = "exam 2027"
PICTURE, VIDEO = "Describe this image in one sentence.", "Describe this video in one sentence."
LESSONS_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """One question, its answer, and what is shown: pictures, a film or nothing, drawn from `seed`.

    `size`: what a picture is squeezed to. `is_backwards`: the film's frames come in the opposite order.
    """

    asked: Asked
    seed: int
    pictures: Sequence[Picture] = ()
    film: Film | None = None
    size: tuple[int, int] | None = None
    is_backwards: bool = False

    def images(self) -> list[Image.Image]:
        rng = random.Random(self.seed)
        drawn = [draw(picture, rng) for picture in self.pictures]
        return [image.resize(self.size) for image in drawn] if self.size else drawn

    def frames(self, a_second: int = 1) -> list[Image.Image]:
        """Of 2 to 9 seconds; two events take at least six."""
        assert self.film
        rng = random.Random(self.seed)
        frames = film_frames(self.film, rng, a_second * random.Random(self.seed).randint(6 if self.film.then else 2, 9))
        return frames[::-1] if self.is_backwards else frames

    def as_lesson(self) -> Lesson:
        rng = random.Random(self.seed)
        if self.film:
            return shown_frames(self.frames(), [self.asked], rng)
        return shown_images(self.images(), [self.asked], rng)


#: One point of the exam: right if the answers to all its exercises are.
Point = list[Exercise]


def new_seed(rng: random.Random) -> int:
    return rng.getrandbits(32)


def captioned(scene: Picture | Film, rng: random.Random) -> Point:
    if isinstance(scene, Picture):
        return [Exercise(asked=(PICTURE, scene.caption), seed=new_seed(rng), pictures=[scene])]
    return [Exercise(asked=(VIDEO, scene.caption), seed=new_seed(rng), film=scene)]


def still_film(rng: random.Random) -> Point:
    return captioned(replace(some_film(rng), motion="stays still", second_colour=""), rng)


def both_ways(rng: random.Random) -> Point:
    """One clip forwards and backwards."""
    film = some_film(rng)
    while film.motion == "stays still":
        film = some_film(rng)
    [forwards] = captioned(film, rng)
    return [forwards, replace(forwards, asked=(VIDEO, film.backwards().caption), is_backwards=True)]


def first_of_two(rng: random.Random) -> Point:
    film = some_eventful_film(rng)
    return [Exercise(asked=happenings(film)[0], seed=new_seed(rng), film=film)]


def about_series(rng: random.Random, totals: Sequence[int]) -> Point:
    """One question about a series of so many pictures."""
    makers = (comparisons.with_colours, comparisons.with_counts, comparisons.with_differences, comparisons.with_growth)
    series = rng.choice(makers)(rng)
    while len(series.pictures) not in totals:
        series = rng.choice(makers)(rng)
    return [Exercise(asked=rng.choice(series.asked[:2]), seed=new_seed(rng), pictures=series.pictures)]


def yes_or_no(rng: random.Random) -> Point:
    if rng.random() < 0.5:
        picture = some_picture(rng)
        asked = rng.choice(balanced(picture_yes_no(picture), rng))
        return [Exercise(asked=asked, seed=new_seed(rng), pictures=[picture])]
    film = some_film(rng)
    return [Exercise(asked=rng.choice(balanced(film_yes_no(film), rng)), seed=new_seed(rng), film=film)]


def nothing_there(rng: random.Random) -> Point:
    return captioned(some_plain_picture(rng) if rng.random() < 0.5 else some_blank_film(rng), rng)


def squeezed_picture(rng: random.Random) -> Point:
    """Of a word or one large shape: what is small is smaller than a pixel after that."""
    picture = some_picture(rng)
    while picture.size == "small" or picture.count > 1:
        picture = some_picture(rng)
    return [replace(exercise, size=rng.choice(SQUEEZED)) for exercise in captioned(picture, rng)]


EXAM: dict[str, tuple[int, Callable[[random.Random], Point]]] = {
    "pictures": (500, lambda rng: captioned(some_picture(rng), rng)),
    "clips": (200, lambda rng: captioned(some_film(rng), rng)),
    "still clips": (100, still_film),
    "clips both ways": (100, both_ways),
    "clips of two events": (100, lambda rng: captioned(some_eventful_film(rng), rng)),
    "what happens first": (100, first_of_two),
    "two pictures": (200, lambda rng: about_series(rng, (2,))),
    "three or four pictures": (100, lambda rng: about_series(rng, (3, 4))),
    "yes or no": (200, yes_or_no),
    "plain and blank": (100, nothing_there),
    "squeezed pictures": (100, squeezed_picture),
    "text only": (100, lambda rng: [Exercise(asked=some_question(rng), seed=new_seed(rng))]),
}


def points(kind: str, share: float = 1.0) -> list[Point]:
    count, make = EXAM[kind]
    rng = random.Random(f"{SEED} {kind}")
    return [make(rng) for _ in range(round(count * share))]


def right_points(paper: list[Point], right: Sequence[bool]) -> int:
    """`right`: whether each exercise's answer is, in the order of the points."""
    marks = iter(right)
    return sum(all(list(itertools.islice(marks, len(point)))) for point in paper)


@torch.no_grad()
def sit(
    model: SmolVLMForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, share: float
) -> Iterator[tuple[str, int, int]]:
    """Kind, right points and points; `share` of the points of each kind."""
    for kind in EXAM:
        paper = points(kind, share)
        lessons = [exercise.as_lesson() for point in paper for exercise in point]
        right: list[bool] = []
        for k in range(0, len(lessons), LESSONS_AT_ONCE):
            right += [row[0] for row in mark(model, tokenizer, lessons[k : k + LESSONS_AT_ONCE]).right]
        yield kind, right_points(paper, right), len(paper)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="checkpoint")
    parser.add_argument("--state", type=Path, help="the second course's file: its weights instead of the checkpoint's")
    parser.add_argument("--share", type=float, default=1.0, help="of the questions")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(chosen.folder)
    model = SmolVLMForConditionalGeneration.from_pretrained(chosen.folder).float()
    if chosen.state:
        step, (weights,), _ = torch.load(chosen.state, weights_only=True)
        model.load_state_dict(weights)
        print(f"after step {step}")
    for kind, right, count in sit(model, tokenizer, chosen.share):
        print(f"{kind}: {right} of {count}", flush=True)


if __name__ == "__main__":
    main()
