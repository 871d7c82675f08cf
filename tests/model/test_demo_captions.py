"""The demo model says what is true of drawings that it never saw, read from real files."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.recipes import Question, load_recipe
from tests.model.conftest import Ask
from tests.support.demo_world.gallery import Exhibit, films, pictures
from tests.support.demo_world.world import Picture

RECIPE = load_recipe()


def right_share(exhibits: list[Exhibit], replies: list[dict[str, str]], name: str) -> float:
    """The share of exhibits whose answer equals the truth letter by letter; the wrong ones are printed."""
    right = 0
    for exhibit, answers in zip(exhibits, replies, strict=True):
        truth = getattr(exhibit.scene, name)
        right += answers[name] == truth
        if answers[name] != truth:
            print(f"{exhibit.file.name}: answered {answers[name]!r}, true is {truth!r}")
    return right / len(exhibits)


def only(questions: tuple[Question, ...], name: str) -> tuple[Question, ...]:
    return tuple(q for q in questions if q.name == name)


def test_a_handful_of_pictures_get_true_captions_and_summaries(ask: Ask, tmp_path: Path) -> None:
    shown = pictures(tmp_path, seed=1, count=40)
    replies = ask(shown, RECIPE.image)
    assert right_share(shown, replies, "caption") >= 0.9
    assert right_share(shown, replies, "summary") >= 0.9


def test_a_handful_of_clips_get_true_captions_and_summaries(ask: Ask, tmp_path: Path) -> None:
    shown = films(tmp_path, seed=1, count=24)
    replies = ask(shown, RECIPE.video)
    assert right_share(shown, replies, "caption") >= 0.85
    assert right_share(shown, replies, "summary") >= 0.85


def test_questions_about_count_colour_and_text_are_answered_truly(ask: Ask, tmp_path: Path) -> None:
    right = asked = 0
    for exhibit in pictures(tmp_path, seed=2, count=24):
        assert isinstance(exhibit.scene, Picture)
        pairs = exhibit.scene.questions()
        questions = tuple(Question(name=str(k), ask=text, tokens=12) for k, (text, _) in enumerate(pairs))
        answers = ask([exhibit], questions)[0]
        right += sum(answers[str(k)] == truth for k, (_, truth) in enumerate(pairs))
        asked += len(pairs)
    assert right / asked >= 0.95


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_at_least_95_of_100_held_out_pictures_are_captioned_exactly(ask: Ask, tmp_path: Path) -> None:
    shown = pictures(tmp_path, seed=2026, count=500)
    share = right_share(shown, ask(shown, only(RECIPE.image, "caption")), "caption")
    print(f"pictures captioned exactly: {share:.3f} of 500")
    assert share >= 0.95


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_at_least_90_of_100_held_out_clips_are_captioned_exactly(ask: Ask, tmp_path: Path) -> None:
    shown = films(tmp_path, seed=2026, count=200)
    share = right_share(shown, ask(shown, only(RECIPE.video, "caption")), "caption")
    print(f"clips captioned exactly: {share:.3f} of 200")
    assert share >= 0.9
