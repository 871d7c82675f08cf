"""A question is the same value after its way through a command."""

from __future__ import annotations

import json

import pytest

from config.errors import SmolwatchError
from daemon.asking.question import Ask


def test_a_question_survives_its_way_through_json_with_any_path() -> None:
    ask = Ask(
        question="What is different?",
        files=(b"/photos/caf\xc3\xa9.png", b"/photos/\xff\xfe.png"),
        system="Be brief.",
        tokens=9,
        temperature=0.5,
        top_p=0.9,
        seed=7,
        repeat=3,
        detail="fast",
    )
    assert Ask.from_arguments(json.loads(json.dumps(ask.to_arguments()))) == ask


@pytest.mark.parametrize("arguments", [{}, {"files": [], "question": "?", "colour": "red"}, {"files": None}])
def test_arguments_of_another_version_are_refused_with_what_to_do(arguments: dict[str, object]) -> None:
    with pytest.raises(SmolwatchError, match="fields that the daemon needs: question, files") as caught:
        Ask.from_arguments(arguments)
    assert "Restart the daemon" in caught.value.advice
