"""Questions without a picture that the demo model is taught, each with its one answer. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.support.demo_world.answers import Asked
from tests.support.demo_world.world import COLOURS, NUMBERS, SHAPES, WORDS, article

MIXED = {("red", "yellow"): "orange", ("yellow", "blue"): "green", ("red", "blue"): "purple"}
CORNERS = {"triangle": 3, "square": 4, "star": 10}
PAIRS = ("left", "right"), ("top", "bottom"), ("small", "large"), ("black", "white"), ("up", "down"), ("yes", "no")
OPPOSITE = {one: other for pair in PAIRS for one, other in (pair, pair[::-1])}
#: From zero to eight.
COUNTED = (*NUMBERS, "five", "six", "seven", "eight")


def sum_of_two(rng: random.Random) -> Asked:
    a, b = rng.randint(0, 20), rng.randint(0, 20)
    return f"What is {a} + {b}?", f"{a + b}."


def difference(rng: random.Random) -> Asked:
    a = rng.randint(0, 20)
    b = rng.randint(0, a)
    return f"What is {a} - {b}?", f"{a - b}."


def product(rng: random.Random) -> Asked:
    a, b = rng.randint(1, 9), rng.randint(1, 9)
    return f"What is {a} x {b}?", f"{a * b}."


def next_number(rng: random.Random) -> Asked:
    number = rng.randint(0, 40)
    return f"Which number comes after {number}?", f"{number + 1}."


def larger_number(rng: random.Random) -> Asked:
    a, b = rng.sample(range(21), 2)
    return f"Which number is larger, {a} or {b}?", f"{max(a, b)}."


def primary_colours(_rng: random.Random) -> Asked:
    return "What are the primary colours?", "Red, yellow and blue."


def mixed_colours(rng: random.Random) -> Asked:
    pair = rng.choice(list(MIXED))
    one, other = rng.sample(pair, 2)
    return f"Which colour do {one} and {other} make?", f"{MIXED[pair].capitalize()}."


def corners(rng: random.Random) -> Asked:
    shape = rng.choice(SHAPES)
    return f"How many corners does {article(shape)} {shape} have?", f"{CORNERS.get(shape, 'None')}."


def more_corners(rng: random.Random) -> Asked:
    one, other = rng.sample(list(CORNERS), 2)
    most = max(one, other, key=CORNERS.__getitem__)
    return f"Which has more corners, a {one} or a {other}?", f"{article(most).capitalize()} {most}."


def opposite(rng: random.Random) -> Asked:
    word = rng.choice(list(OPPOSITE))
    return f"What is the opposite of {word}?", f"{OPPOSITE[word].capitalize()}."


def letters(rng: random.Random) -> Asked:
    word = rng.choice(WORDS)
    return f"How many letters does {word} have?", f"{COUNTED[len(word)].capitalize()}."


def story(rng: random.Random) -> Asked:
    colour, shape = rng.choice(list(COLOURS)), rng.choice(SHAPES)
    hero = f"{article(colour)} {colour} {shape}"
    told = f"Once there was {hero}. It moved to the right and found a friend."
    return f"Tell a story of two sentences about {hero}.", told


def shapes_left(rng: random.Random) -> Asked:
    """Two steps: add, then take away."""
    (one, other), (first, second) = rng.sample(SHAPES, 2), (rng.randint(2, 4), rng.randint(2, 4))
    gone = rng.randint(1, first - 1)
    told = f"There are {COUNTED[first]} {one}s and {COUNTED[second]} {other}s. Take {COUNTED[gone]} away."
    return f"{told} How many shapes are left?", f"{COUNTED[first + second - gone].capitalize()}."


def colour_at_the_end(rng: random.Random) -> Asked:
    """Two steps: who is it, and what became of it."""
    (one, other), (first, second, last) = rng.sample(SHAPES, 2), rng.sample(list(COLOURS), 3)
    painted, asked = rng.choice((one, other)), rng.choice((one, other))
    answer = last if asked == painted else first if asked == one else second
    told = f"The {one} is {first} and the {other} is {second}. The {painted} turns {last}."
    return f"{told} What colour is the {asked}?", f"{answer.capitalize()}."


#: Facts that must be known by heart are asked more often.
KINDS: tuple[Callable[[random.Random], Asked], ...] = (
    sum_of_two,
    difference,
    product,
    next_number,
    larger_number,
    primary_colours,
    mixed_colours,
    corners,
    more_corners,
    opposite,
    letters,
    story,
    shapes_left,
    colour_at_the_end,
)
WEIGHTS = (6, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 2)


def some_question(rng: random.Random) -> Asked:
    return rng.choices(KINDS, WEIGHTS)[0](rng)
