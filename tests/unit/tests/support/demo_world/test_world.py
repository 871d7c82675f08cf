"""The scenes' words, and the drawings of clips."""

from __future__ import annotations

import random

import pytest

from tests.support.demo_world.drawing import draw, film_frames
from tests.support.demo_world.eyes import what_is_there
from tests.support.demo_world.world import (
    Film,
    Picture,
    some_blank_film,
    some_eventful_film,
    some_film,
    some_plain_picture,
)

SEEDS = range(40)
MOVING = Film(shape="circle", colour="red", background="white", motion="moves to the right")


def test_a_plain_picture_is_called_plain_and_has_one_colour() -> None:
    assert Picture(background="red").caption == "A plain red picture."
    for seed in SEEDS:
        rng = random.Random(seed)
        picture = some_plain_picture(rng)
        drawn = draw(picture, rng)
        assert len(drawn.getcolors() or ()) == 1
        assert "no shape" in picture.summary


def test_a_blank_clip_has_the_same_frame_all_the_time() -> None:
    rng = random.Random(3)
    film = some_blank_film(rng)
    frames = film_frames(film, rng, 4)
    assert len({frame.tobytes() for frame in frames}) == 1
    assert film.caption == f"A plain {film.background} video."


@pytest.mark.parametrize("some", [some_film, some_eventful_film])
def test_a_clip_that_runs_backwards_twice_is_the_same_clip(some: object) -> None:
    for seed in SEEDS:
        film = some(random.Random(seed))  # type: ignore[operator]
        assert film.backwards().backwards() == film
        assert (film.backwards() == film) == (film.motion == "stays still")


def test_backwards_two_events_change_their_order_and_a_colour_that_turned_comes_first() -> None:
    film = Film(shape="star", colour="red", background="white", motion="moves up", then="turns", second_colour="blue")
    assert film.caption == "A red star moves up, then turns blue on a white background."
    assert film.backwards().caption == "A blue star turns red, then moves down on a white background."


@pytest.mark.parametrize("seed", SEEDS)
def test_of_two_events_one_is_over_before_the_other_begins(seed: int) -> None:
    """What a viewer of six frames sees: the change comes before the first step of the move, or after its last."""
    rng = random.Random(seed)
    film = some_eventful_film(rng)
    frames = film_frames(film, rng, 6)
    seen = [what_is_there(film, frame) for frame in frames]
    change = next(k for k in range(1, 6) if seen[k] != seen[k - 1])
    steps = [k for k in range(1, 6) if seen[k] == seen[k - 1] and frames[k].tobytes() != frames[k - 1].tobytes()]
    assert steps
    moves_first = film.motion.startswith("moves")
    assert max(steps) <= change if moves_first else min(steps) > change


def test_the_frames_of_a_move_differ() -> None:
    frames = film_frames(MOVING, random.Random(1), 5)
    assert len({frame.tobytes() for frame in frames}) == 5
