"""The true answers about one picture or one clip: to the questions of the shipped recipes, and yes or no. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence

from config.recipes import Question, load_recipes
from tests.support.demo_world.world import BACKGROUNDS, COLOURS, MOVES, NUMBERS, SHAPES, Film, Picture, article

Asked = tuple[str, str]

IMAGE_QUESTIONS = tuple(q for recipe in load_recipes().values() for q in recipe.image)
VIDEO_QUESTIONS = tuple(q for recipe in load_recipes().values() for q in recipe.video)


def subject(picture: Picture) -> str:
    """What is on the picture: "a small red circle", "three red circles", "the word SUN"."""
    if picture.word:
        return f"the word {picture.word}"
    if picture.count == 1:
        return f"a {picture.size} {picture.colour} {picture.shape}"
    return f"{NUMBERS[picture.count]} {picture.colour} {picture.shape}s"


def art(scene: Picture | Film) -> str:
    """The same colours in the same order as in the captions."""
    seen = (scene.colour, scene.second_colour) if isinstance(scene, Film) else (scene.colour,)
    names = [name for name in (*seen, scene.background) if name]
    colors = f"The colors are {', '.join(names[:-1])} and {names[-1]}." if names[1:] else f"The color is {names[0]}."
    return f"The style is flat. {colors} The light is even, and the mood is calm."


def picture_answers(picture: Picture) -> dict[str, str]:
    """By the names that the shipped recipes give to their questions about pictures."""
    ground = f"{article(picture.background)} {picture.background} background"
    if picture.is_plain:
        parts, story = f"It has one part: {ground}.", f"Once there was an empty {picture.background} world."
    else:
        parts = f"It has two parts: {subject(picture)} and {ground}."
        verb = "were" if picture.count > 1 else "was"
        story = f"Once there {verb} {subject(picture)}. The world around was {picture.background}."
    return {
        "caption": picture.caption,
        "summary": picture.summary,
        "alt_text": picture.caption,
        "text": picture.word or "None.",
        "figure": picture.summary,
        "diagram": parts,
        "mathematics": "There is no formula.",
        "story": story,
        "narrative": picture.summary,
        "art": art(picture),
        "long_description": picture.summary,
        "visual_summary": picture.caption,
    }


def film_answers(film: Film) -> dict[str, str]:
    """By the names that the shipped recipes give to their questions about videos."""
    if film.shape:
        first, *then = film.events
        end = f"Then it {then[0]}." if then else "Nothing else happens."
        lecture = f"The video shows that {film.subject} {', then '.join(film.events)}."
        diagram = f"There is no diagram. The only figure is {film.subject}."
        story = f"Once there was {film.subject}. It {first}. {end}"
        narrative = f"First, {film.subject} {first}. {end}"
    else:
        lecture = diagram = narrative = film.summary
        story = f"Once there was an empty {film.background} world. Nothing happens."
    return {
        "caption": film.caption,
        "summary": film.summary,
        "alt_text": film.caption,
        "text": "None.",
        "lecture": lecture,
        "diagram": diagram,
        "mathematics": "There is no formula.",
        "story": story,
        "narrative": narrative,
        "art": art(film),
        "long_description": film.summary,
        "visual_summary": film.caption,
    }


def from_recipes(questions: Sequence[Question], answers: dict[str, str]) -> list[Asked]:
    """Every different question with its answer; KeyError for a new name of a question."""
    return list({q.ask: (q.ask, answers[q.name]) for q in questions}.values())


def happenings(film: Film) -> list[Asked]:
    """What happens, and in which order."""
    if not film.shape:
        return [("What happens first?", "Nothing."), ("What happens last?", "Nothing.")]
    return [
        ("What happens first?", f"It {film.events[0]}."),
        ("What happens last?", f"It {film.events[-1]}."),
        ("How many things happen?", f"{NUMBERS[len(film.events)].capitalize()}."),
    ]


def picture_yes_no(picture: Picture) -> list[tuple[str, bool]]:
    found = [(f"Is there {article(shape)} {shape}?", shape == picture.shape) for shape in SHAPES]
    found += [(f"Is the background {ground}?", ground == picture.background) for ground in BACKGROUNDS]
    found += [("Is there a word?", bool(picture.word)), ("Is there a shape?", picture.count > 0)]
    if picture.is_plain:
        return found
    thing = "word" if picture.word else "shape"
    found += [(f"Is the {thing} {colour}?", colour == picture.colour) for colour in COLOURS if picture.count < 2]
    found += [(f"Are there {NUMBERS[n]} shapes?", n == picture.count) for n in (2, 3, 4)]
    if picture.count == 1:
        found += [("Is the shape large?", picture.size == "large"), ("Is the shape small?", picture.size == "small")]
        found += [(f"Is the shape at the {side}?", picture.row == k) for k, side in ((0, "top"), (2, "bottom"))]
        found += [(f"Is the shape at the {side}?", picture.column == k) for k, side in ((0, "left"), (2, "right"))]
    return found


def film_yes_no(film: Film) -> list[tuple[str, bool]]:
    motions = (film.motion, film.then)
    found = [(f"Is there {article(shape)} {shape}?", shape == film.shape) for shape in SHAPES]
    found += [(f"Is the background {ground}?", ground == film.background) for ground in BACKGROUNDS]
    found += [
        ("Is there a shape?", bool(film.shape)),
        ("Does the shape move?", any(motion in MOVES for motion in motions)),
        ("Does the colour change?", "turns" in motions),
        ("Does a shape appear?", "appears" in motions),
        ("Does a shape disappear?", "disappears" in motions),
    ]
    return found


def balanced(found: list[tuple[str, bool]], rng: random.Random) -> list[Asked]:
    """One question whose answer is yes, and one whose answer is no, if there are such."""
    kinds = [[ask for ask, truth in found if truth], [ask for ask, truth in found if not truth]]
    return [(rng.choice(asks), answer) for asks, answer in zip(kinds, ("Yes.", "No."), strict=True) if asks]
