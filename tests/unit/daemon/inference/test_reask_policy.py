from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from config.recipes import Question, Sampling
from daemon.inference.answers.checks import judge
from daemon.inference.engine import Answer
from daemon.inference.reask_policy import RETRY_SAMPLING, SEVERITY, better_answer, plan_reask
from daemon.inference.sampling_params import GREEDY, SamplingParams
from storage.quality import MEANINGS

QUESTION = Question(name="caption", ask="Describe this image in one sentence.", tokens=64)
GOOD = "A dog on a beach."
LOOP = "a red car and " * 12
#: Most severe last, as in `SEVERITY`.
FAULTS = {
    "cut-off": ("A dog on a", False),
    "leaked-token": ("A dog<|im_start|>on a beach.", True),
    "timestamps": ("Frame from 00:01: a dog.", True),
    "echo": (QUESTION.ask, True),
    "loop": (LOOP, True),
    "empty": ("", True),
}


def answer(text: str, *, complete: bool = True) -> Answer:
    return Answer(text=text, tokens=9, complete=complete)


def faulty(code: str) -> Answer:
    text, complete = FAULTS[code]
    made = answer(text, complete=complete)
    assert judge(made, QUESTION.ask) == (code,)
    return made


def test_a_good_answer_is_accepted() -> None:
    assert plan_reask(QUESTION, answer(GOOD)) is None
    assert plan_reask(QUESTION, answer(GOOD, complete=False)) is None


@pytest.mark.parametrize("code", [code for code in FAULTS if code != "cut-off"])
def test_a_bad_answer_is_asked_again_with_a_repetition_penalty(code: str) -> None:
    retry = plan_reask(QUESTION, faulty(code))
    assert retry is not None
    assert (retry.question, retry.sampling, retry.codes) == (QUESTION, RETRY_SAMPLING, (code,))
    assert 1.1 <= RETRY_SAMPLING.repetition_penalty <= 1.2


def test_a_good_answer_that_was_cut_off_gets_more_tokens_and_nothing_else() -> None:
    retry = plan_reask(QUESTION, faulty("cut-off"))
    assert retry is not None
    assert (retry.question.ask, retry.question.tokens, retry.sampling) == (QUESTION.ask, 128, GREEDY)


def test_a_loop_that_was_cut_off_gets_no_more_tokens() -> None:
    retry = plan_reask(QUESTION, answer(LOOP, complete=False))
    assert retry is not None
    assert (retry.question, retry.sampling) == (QUESTION, RETRY_SAMPLING)


def test_a_question_with_a_penalty_of_its_own_keeps_it_and_gets_another_on_top() -> None:
    strict = replace(QUESTION, sampling=Sampling(repetition_penalty=1.2))
    longer, other = plan_reask(strict, faulty("cut-off")), plan_reask(strict, faulty("loop"))
    assert longer is not None
    assert other is not None
    assert longer.sampling == SamplingParams(repetition_penalty=1.2)
    assert other.sampling.repetition_penalty == pytest.approx(1.2 * RETRY_SAMPLING.repetition_penalty)


@pytest.mark.parametrize("code", FAULTS)
def test_a_good_answer_is_better_than_any_other(code: str) -> None:
    for first, second in ((answer(GOOD), faulty(code)), (faulty(code), answer(GOOD))):
        assert better_answer(QUESTION, first, second) == answer(GOOD)


def test_of_two_bad_answers_the_less_severe_is_kept() -> None:
    for light, grave in pairwise(FAULTS):
        for first, second in ((light, grave), (grave, light)):
            assert better_answer(QUESTION, faulty(first), faulty(second)) == faulty(light)


def test_of_two_with_the_same_worst_fault_the_one_with_fewer_others_is_kept() -> None:
    both = answer(LOOP, complete=False)
    assert judge(both, QUESTION.ask) == ("loop", "cut-off")
    assert better_answer(QUESTION, both, faulty("loop")) == faulty("loop")
    assert better_answer(QUESTION, both, faulty("cut-off")) == faulty("cut-off")


def test_of_two_that_are_as_good_the_first_is_kept() -> None:
    assert better_answer(QUESTION, answer("A dog."), answer("A cat.")) == answer("A dog.")
    assert better_answer(QUESTION, faulty("cut-off"), answer("A cat on the", complete=False)) == faulty("cut-off")


def test_every_code_has_its_severity() -> None:
    assert set(SEVERITY) <= set(MEANINGS)
    assert list(SEVERITY) == list(FAULTS)
