from __future__ import annotations

import pytest

from daemon.evaluation.metrics.coherence import coherence_of, contradictions
from daemon.inference.answers.checks import words_of


@pytest.mark.parametrize("text", ["Red.", "105", "A red circle on a white background.", "EXIT", "Ein roter Kreis."])
def test_a_good_answer_has_the_full_scale(text: str) -> None:
    assert coherence_of(text, complete=True).value == 10


@pytest.mark.parametrize(
    ("text", "complete", "most"),
    [
        ("", True, 1),
        ("a red circle " * 20, True, 2),
        ("A red circle on a white background and a", False, 5.5),
        ("xq zrtk pfs wvx bnm", True, 1),
        ("A circle on a white background. The background is black.", True, 1),
        ("There are two stars. There are three stars.", True, 1),
    ],
)
def test_a_broken_answer_has_less(text: str, complete: bool, most: float) -> None:
    assert coherence_of(text, complete=complete).value <= most


def test_different_things_may_have_different_numbers() -> None:
    assert contradictions(words_of("Two red stars and three blue circles on a white background.")) == []


def test_a_contradiction_says_what_it_is_about() -> None:
    assert contradictions(words_of("There is one star. The two stars are red.")) == ["one and two star"]
