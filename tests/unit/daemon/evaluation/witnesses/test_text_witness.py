from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from daemon.errors import EngineError
from daemon.evaluation.witnesses.text_witness import TextWitness
from daemon.media.clip import Pixels
from storage.evaluation.evaluation_records import WitnessVerdict

PICTURES = (np.zeros((6, 8, 3), np.uint8),)
LETTER = ("Dear Anna,", "the train leaves at 9:40", "from platform 3.")


def witness(*lines: str) -> TextWitness:
    return TextWitness(lambda _: lines)


@pytest.mark.parametrize(
    ("lines", "answer", "verdict"),
    [
        (("EXIT",), "The sign says exit.", WitnessVerdict.AGREES),
        (("EXIT",), "There is no exit sign.", WitnessVerdict.DISAGREES),
        (("EXIT",), "A green sign.", WitnessVerdict.DISAGREES),
        (LETTER, "Dear Anna, the train leaves at 9:40 from platform 3.", WitnessVerdict.AGREES),
        (LETTER, "A letter about a train.", WitnessVerdict.DISAGREES),
        ((), "A red circle.", WitnessVerdict.NO_OPINION),
        (("I", "★★"), "A red circle.", WitnessVerdict.NO_OPINION),
    ],
)
def test_it_agrees_with_an_answer_that_has_half_of_the_words(
    lines: tuple[str, ...], answer: str, verdict: WitnessVerdict
) -> None:
    assert witness(*lines).opinion(PICTURES, answer).verdict is verdict


def test_the_reason_is_what_it_read_and_how_much_of_it_the_answer_has() -> None:
    opinion = witness("EXIT", "TO THE ROOF").opinion(PICTURES, "The way to the exit.")
    assert opinion.reason == 'It read "EXIT TO THE ROOF": 3 of 4 words are in the answer.'


def test_a_long_text_is_cut_in_the_reason() -> None:
    reason = witness(" ".join(f"word{k}" for k in range(40))).opinion(PICTURES, "word1").reason
    assert reason.startswith('It read "word0 word1')
    assert 'word11 …"' in reason
    assert "1 of 40 words" in reason


def test_a_reader_that_fails_has_no_opinion_and_says_why() -> None:
    def fail(_: Sequence[Pixels]) -> Sequence[str]:
        raise EngineError("The process took longer than 120 seconds.")

    opinion = TextWitness(fail).opinion(PICTURES, "EXIT")
    assert (opinion.verdict, opinion.reason) == (WitnessVerdict.NO_OPINION, "The process took longer than 120 seconds.")


def test_the_same_picture_is_read_once_for_all_repeats() -> None:
    reads = list[int]()

    def read(pictures: Sequence[Pixels]) -> Sequence[str]:
        reads.append(len(pictures))
        return ("EXIT",)

    found = TextWitness(read)
    for answer in ("EXIT", "A sign."):
        found.opinion(PICTURES, answer)
    found.opinion((PICTURES[0] + 1,), "EXIT")
    assert reads == [1, 1]
