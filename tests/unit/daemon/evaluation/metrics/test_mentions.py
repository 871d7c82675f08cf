from __future__ import annotations

import pytest

from daemon.evaluation.metrics.mentions import mentions, numbers_in, position_of, sentences_in
from daemon.inference.answers.checks import words_of


@pytest.mark.parametrize(
    ("phrase", "text", "expected"),
    [
        ("red", "A RED circle.", True),
        ("red", "A redder circle.", False),
        ("circle", "Three circles.", True),
        ("box", "Two boxes.", True),
        ("grey|gray", "It is gray.", True),
        ("top left", "At the top left.", True),
        ("top left", "At the left top.", False),
        ("circle", "There is no circle.", False),
        ("circle", "Without any visible circle.", False),
        ("circle", "No square, but a circle.", True),
        ("circle", "There is no circle; the circle is gone.", True),
        ("red", "", False),
    ],
)
def test_a_phrase_is_mentioned_as_whole_words_and_not_denied(phrase: str, text: str, expected: bool) -> None:
    assert mentions(phrase, text) is expected


def test_the_first_mention_counts_for_the_order() -> None:
    words = words_of("First red, then yellow, then red.")
    assert position_of("red", words) == 1
    assert position_of("yellow|orange", words) == 3
    assert position_of("blue", words) is None


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("105", [105]),
        ("It is 1,200 or -3.5.", [1200, -3.5]),
        ("Three shapes.", [3]),
        ("Twenty-one and forty two.", [21, 42]),
        ("None.", [0]),
        ("B2B v1.2.3", []),
        ("At 9:40 h, 5.70 in all", [9, 40, 5.7]),
        ("thirty times", [30]),
    ],
)
def test_numbers_are_read_in_digits_and_in_words(text: str, numbers: list[float]) -> None:
    assert numbers_in(text) == numbers


@pytest.mark.parametrize(("text", "count"), [("", 0), ("Red", 1), ("One. Two! Three?", 3), ("It costs 5.70.", 1)])
def test_sentences_are_counted(text: str, count: int) -> None:
    assert sentences_in(text) == count
