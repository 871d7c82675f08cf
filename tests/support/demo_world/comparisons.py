"""Two to four pictures that belong together, and the true answers to what is asked about all of them. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from tests.support.demo_world.answers import Asked
from tests.support.demo_world.world import (
    BACKGROUNDS,
    COLOURS,
    GRADES,
    NUMBERS,
    SHAPES,
    SIZES,
    Picture,
    some_graded_picture,
    some_picture,
)

ORDINALS = ("first", "second", "third", "fourth")
#: What two pictures may differ in, in the order in which the answer names it.
DIFFERENCES = ("colour", "shape", "size", "place", "number", "background")


@dataclass(frozen=True)
class Series:
    """Pictures in their order, and the questions about them."""

    pictures: list[Picture]
    asked: list[Asked]


def about_each(pictures: list[Picture], rng: random.Random) -> list[Asked]:
    """Questions about one of several pictures."""
    k = rng.randrange(len(pictures))
    found = [(f"Describe the {ORDINALS[k]} picture.", pictures[k].caption)]
    j = rng.randrange(len(pictures))
    if pictures[j].shape:
        found.append((f"What colour is the shape in the {ORDINALS[j]} picture?", f"{pictures[j].colour.capitalize()}."))
    return [*found, ("How many pictures are there?", f"{NUMBERS[len(pictures)].capitalize()}.")]


def some_counted(rng: random.Random) -> Picture:
    """A picture of one to four shapes."""
    single = some_graded_picture(rng, SIZES)
    count = rng.randint(1, 4)
    return single if count == 1 else replace(single, count=count, size="", column=1, row=1)


def with_colours(rng: random.Random) -> Series:
    """Pictures of shapes, half of the series in one colour and half of them of one shape."""
    pictures = [some_counted(rng) for _ in range(rng.choice((2, 2, 2, 3)))]
    if rng.random() < 0.5:
        pictures = [replace(picture, colour=pictures[0].colour) for picture in pictures]
    if rng.random() < 0.5:
        pictures = [replace(picture, shape=pictures[0].shape) for picture in pictures]
    asked = [
        ("Are the shapes the same colour?", yes(len({p.colour for p in pictures}) == 1)),
        ("Are the shapes the same shape?", yes(len({p.shape for p in pictures}) == 1)),
        ("Is the background the same?", yes(len({p.background for p in pictures}) == 1)),
    ]
    return Series(pictures, [*asked, *about_each(pictures, rng)])


def with_counts(rng: random.Random) -> Series:
    """Pictures with different numbers of shapes."""
    total = rng.choice((2, 2, 2, 3, 4))
    counts = rng.sample(range(1, 5), total)
    pictures = []
    for count in counts:
        single = some_graded_picture(rng, SIZES)
        pictures.append(single if count == 1 else replace(single, count=count, size="", column=1, row=1))
    most, fewest = ORDINALS[counts.index(max(counts))], ORDINALS[counts.index(min(counts))]
    more, fewer = ("more", "fewer") if total == 2 else ("the most", "the fewest")
    asked = [
        (f"Which picture has {more} shapes?", f"The {most} picture."),
        (f"Which picture has {fewer} shapes?", f"The {fewest} picture."),
    ]
    k = rng.randrange(total)
    asked.append((f"How many shapes are in the {ORDINALS[k]} picture?", f"{NUMBERS[counts[k]].capitalize()}."))
    return Series(pictures, [*asked, *about_each(pictures, rng)])


def with_growth(rng: random.Random) -> Series:
    """One shape in different sizes."""
    grades = rng.sample(range(len(GRADES)), rng.randint(2, 4))
    first = some_graded_picture(rng)
    pictures = [replace(first, size=GRADES[grade]) for grade in grades]
    order = [ORDINALS[k] for k in sorted(range(len(grades)), key=lambda k: grades[k])]
    asked = [
        ("In which order does the shape grow?", f"{', '.join(order).capitalize()}."),
        ("In which picture is the shape largest?", f"The {order[-1]} picture."),
        ("In which picture is the shape smallest?", f"The {order[0]} picture."),
    ]
    return Series(pictures, asked)


def with_differences(rng: random.Random) -> Series:
    """Two pictures of a shape that differ in nothing, in one thing or in two."""
    first = some_graded_picture(rng, SIZES)
    things = rng.sample(DIFFERENCES, rng.choice((0, 1, 1, 1, 1, 2)))
    if "number" in things:  # several shapes have no size and no place
        things = [thing for thing in things if thing not in ("size", "place")]
        first = replace(first, size="", column=1, row=1, count=rng.randint(2, 4))
    second = first
    for thing in things:
        second = changed(second, thing, rng)
    pictures = [first, second]
    rng.shuffle(pictures)
    named = [f"the {thing}" for thing in DIFFERENCES if thing in things]
    asked = [
        ("What is different?", f"{' and '.join(named) or 'nothing'}.".capitalize()),
        ("Are the pictures the same?", yes(not things)),
        ("Are the shapes the same colour?", yes("colour" not in things)),
    ]
    return Series(pictures, [*asked, *about_each(pictures, rng)])


def changed(picture: Picture, thing: str, rng: random.Random) -> Picture:
    """The picture with another colour, shape, size, place, number or background."""

    def other(names: object, old: object) -> str:
        return str(rng.choice([name for name in names if name != old]))  # type: ignore[attr-defined]

    if thing == "colour":
        return replace(picture, colour=other(COLOURS, picture.colour))
    if thing == "shape":
        return replace(picture, shape=other(SHAPES, picture.shape))
    if thing == "size":
        return replace(picture, size=other(SIZES, picture.size))
    if thing == "background":
        return replace(picture, background=other(BACKGROUNDS, picture.background))
    if thing == "number":
        return replace(picture, count=int(other(range(2, 5), picture.count)))
    places = [(c, r) for c in range(3) for r in range(3) if (c, r) != (picture.column, picture.row)]
    column, row = rng.choice(places)
    return replace(picture, column=column, row=row)


def any_pictures(rng: random.Random) -> Series:
    """Two to four pictures of the world that have nothing to do with each other."""
    pictures = [some_picture(rng) for _ in range(rng.randint(2, 4))]
    return Series(pictures, [asked for _ in range(3) for asked in about_each(pictures, rng)[:2]])


def yes(truth: bool) -> str:
    return "Yes." if truth else "No."
