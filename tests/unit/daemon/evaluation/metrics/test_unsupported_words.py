from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.evaluation.metrics.unsupported_words import unsupported_share
from tests.support.evaluations import RESULT

SHORT = replace(RESULT, case="short", answer="A brown dog.")


def test_words_that_only_the_long_answer_has_are_counted() -> None:
    long = replace(RESULT, case="long", answer="This image shows brown dogs beside an umbrella and a dog.")
    assert unsupported_share([SHORT, long]) == pytest.approx(2 / 4)  # beside, umbrella of brown, dogs, beside, umbrella


def test_one_answer_alone_says_nothing() -> None:
    assert unsupported_share([SHORT]) is None
    assert unsupported_share([SHORT, replace(SHORT, case="other", inputs=("other.png",))]) is None
