"""The demo model's world: what a drawn picture or clip shows, and the one true answer to each question about it.

Pure values and words; `drawing` turns a scene into pixels, `gallery` into media files, `train` teaches it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

SHAPES = ("circle", "square", "triangle", "star")
COLOURS = {
    "red": (214, 38, 38),
    "green": (38, 158, 62),
    "blue": (46, 78, 216),
    "yellow": (242, 214, 44),
    "purple": (146, 56, 176),
    "orange": (246, 136, 26),
}
BACKGROUNDS = {"white": (248, 248, 248), "black": (14, 14, 14), "gray": (128, 128, 128)}
GROUNDS = BACKGROUNDS | COLOURS
SIZES = ("small", "large")
#: Sizes of the shapes in pictures that are compared, from the smallest.
GRADES = ("small", "medium", "large", "huge")
COLUMNS = ("left", "", "right")
ROWS = ("top", "", "bottom")
NUMBERS = ("none", "one", "two", "three", "four")
WORDS = tuple("SUN CAT DOG BUS KEY MAP PEN CUP HAT BOX FISH BIRD TREE MOON STAR RAIN SHIP LAMP FROG MILK".split())
#: What happens in a clip, as its caption says it; "turns" is followed by the second colour.
MOVES = ("moves to the right", "moves to the left", "moves up", "moves down")
MOTIONS = (*MOVES, "stays still", "turns", "appears", "disappears")


#: A motion's name when it is seen backwards.
OPPOSITES = {
    "moves to the right": "moves to the left",
    "moves to the left": "moves to the right",
    "moves up": "moves down",
    "moves down": "moves up",
    "appears": "disappears",
    "disappears": "appears",
}


def article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One drawn picture: `count` equal shapes, or a printed word, or the background alone (`count` is 0 in both)."""

    background: str
    colour: str = ""
    shape: str = ""
    size: str = ""
    column: int = 1
    row: int = 1
    count: int = 0
    word: str = ""

    @property
    def place(self) -> str:
        """Where a single shape stands: "in the center", "at the top left"."""
        words = [w for w in (ROWS[self.row], COLUMNS[self.column]) if w]
        return "at the " + " ".join(words) if words else "in the center"

    @property
    def is_plain(self) -> bool:
        return not self.word and self.count == 0

    @property
    def caption(self) -> str:
        on = f"on a {self.background} background."
        if self.is_plain:
            return f"A plain {self.background} picture."
        if self.word:
            return f"The word {self.word} in {self.colour} letters {on}"
        if self.count == 1:
            return f"A {self.size} {self.colour} {self.shape} {self.place} {on}"
        return f"{NUMBERS[self.count].capitalize()} {self.colour} {self.shape}s {on}"

    @property
    def summary(self) -> str:
        ground = f"The background is {self.background}."
        if self.is_plain:
            return f"The picture shows no shape. It is plain {self.background}."
        if self.word:
            return f"The picture shows a word. It says {self.word} in {self.colour} letters. {ground}"
        if self.count == 1:
            kind = f"It is a {self.size} {self.colour} {self.shape}. It is {self.place}."
            return f"The picture shows one shape. {kind} {ground}"
        return f"The picture shows {NUMBERS[self.count]} shapes. They are {self.colour} {self.shape}s. {ground}"

    def questions(self) -> list[tuple[str, str]]:
        """Every question beyond the recipe's two that this picture has an answer to."""
        found = [
            ("What colour is the background?", f"{self.background.capitalize()}."),
            ("What text is visible?", self.word or "None."),
            ("How many shapes are there?", f"{NUMBERS[self.count].capitalize()}."),
        ]
        for shape in SHAPES:
            count = self.count if shape == self.shape else 0
            found.append((f"How many {shape}s are there?", f"{NUMBERS[count].capitalize()}."))
        if self.is_plain:
            return found
        thing = "word" if self.word else self.shape if self.count == 1 else ""
        asked = f"What colour is the {thing}?" if thing else f"What colour are the {self.shape}s?"
        return [*found, (asked, f"{self.colour.capitalize()}.")]


@dataclass(frozen=True, kw_only=True)
class Film:
    """One drawn clip: a shape and what happens to it. No shape: the background alone, for the whole clip.

    `then`: what happens after the motion; at most one of the two is "turns".
    """

    background: str
    shape: str = ""
    colour: str = ""
    motion: str = ""
    second_colour: str = ""
    then: str = ""

    @property
    def events(self) -> tuple[str, ...]:
        """What happens, in order: "moves to the right", "turns blue"."""
        return tuple(self.worded(motion) for motion in (self.motion, self.then) if motion)

    def worded(self, motion: str) -> str:
        return f"turns {self.second_colour}" if motion == "turns" else motion

    @property
    def subject(self) -> str:
        return f"{article(self.colour)} {self.colour} {self.shape}"

    def backwards(self) -> Film:
        """What the clip shows when it runs from its end to its beginning."""
        first, last = (OPPOSITES.get(motion, motion) for motion in (self.motion, self.then))
        colours = (self.second_colour, self.colour) if self.second_colour else (self.colour, "")
        events = (last, first) if self.then else (first, "")
        return replace(self, motion=events[0], then=events[1], colour=colours[0], second_colour=colours[1])

    @property
    def caption(self) -> str:
        if not self.shape:
            return f"A plain {self.background} video."
        return f"{self.subject.capitalize()} {', then '.join(self.events)} on a {self.background} background."

    @property
    def summary(self) -> str:
        ground = f"The background is {self.background}."
        if not self.shape:
            return f"The video shows no shape. {ground}"
        return f"The video shows one shape. It is {self.subject}. It {', then '.join(self.events)}. {ground}"


def some_picture(rng: random.Random) -> Picture:
    """A picture of the world: half single shapes, a quarter several, a quarter words."""
    colour, background = rng.choice(list(COLOURS)), rng.choice(list(BACKGROUNDS))
    kind = rng.random()
    if kind < 0.25:
        return Picture(colour=colour, background=background, word=rng.choice(WORDS))
    shape = rng.choice(SHAPES)
    if kind < 0.5:
        return Picture(colour=colour, background=background, shape=shape, count=rng.randint(2, 4))
    return Picture(
        colour=colour,
        background=background,
        shape=shape,
        size=rng.choice(SIZES),
        column=rng.randrange(3),
        row=rng.randrange(3),
        count=1,
    )


def some_film(rng: random.Random) -> Film:
    """A clip of the world, every motion as likely as the next."""
    colour = rng.choice(list(COLOURS))
    motion = rng.choice(MOTIONS)
    others = [c for c in COLOURS if c != colour]
    return Film(
        shape=rng.choice(SHAPES),
        colour=colour,
        background=rng.choice(list(BACKGROUNDS)),
        motion=motion,
        second_colour=rng.choice(others) if motion == "turns" else "",
    )


def some_plain_picture(rng: random.Random) -> Picture:
    return Picture(background=rng.choice(list(GROUNDS)))


def some_blank_film(rng: random.Random) -> Film:
    return Film(background=rng.choice(list(GROUNDS)))


def some_eventful_film(rng: random.Random) -> Film:
    """A clip of two events: a move and a change, in either order if the change allows it."""
    colour = rng.choice(list(COLOURS))
    events = [rng.choice(MOVES), rng.choice(("turns", "turns", "appears", "disappears"))]
    if events[1] == "appears" or (events[1] == "turns" and rng.random() < 0.5):
        events.reverse()
    return Film(
        shape=rng.choice(SHAPES),
        colour=colour,
        background=rng.choice(list(BACKGROUNDS)),
        motion=events[0],
        then=events[1],
        second_colour=rng.choice([c for c in COLOURS if c != colour]) if "turns" in events else "",
    )


def some_graded_picture(rng: random.Random, grades: Sequence[str] = GRADES) -> Picture:
    """A single shape of one of these sizes, anywhere."""
    return Picture(
        background=rng.choice(list(BACKGROUNDS)),
        colour=rng.choice(list(COLOURS)),
        shape=rng.choice(SHAPES),
        size=rng.choice(grades),
        column=rng.randrange(3),
        row=rng.randrange(3),
        count=1,
    )
