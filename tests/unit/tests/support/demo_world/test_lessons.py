"""Lessons, how they are packed into rows, and that the exam asks about drawings of its own."""

from __future__ import annotations

import random

import pytest
import torch
from transformers import PreTrainedTokenizerFast, SmolVLMForConditionalGeneration

from tests.support.checkpoints import write_tiny_checkpoint
from tests.support.demo_world.exam import EXAM, SEED, sit
from tests.support.demo_world.eyes import NOBODY
from tests.support.demo_world.lessons import KINDS, Lesson, batch, film_lesson
from tests.support.demo_world.words import hidden_states, mark, pack, packed_row

Model = tuple[SmolVLMForConditionalGeneration, PreTrainedTokenizerFast]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Random weights."""
    folder = write_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))
    return (
        SmolVLMForConditionalGeneration.from_pretrained(folder),
        PreTrainedTokenizerFast.from_pretrained(folder),
    )


def test_a_batch_has_the_lessons_in_their_shares_and_clips_are_the_largest() -> None:
    lessons = batch(random.Random(1), 0)
    assert len(lessons) == len(KINDS)
    assert sum("frames from a" in lesson.texts[0][0] for lesson in lessons) * 4 >= len(lessons)


def test_a_batch_is_drawn_again_from_its_seed() -> None:
    first, again = (batch(random.Random(5), 0) for _ in range(2))
    assert [lesson.texts for lesson in first] == [lesson.texts for lesson in again]
    pairs = zip(first, again, strict=True)
    assert all((a == b).all() for one, two in pairs for a, b in zip(one.tiles, two.tiles, strict=True))


def test_every_prompt_has_the_places_of_its_tiles() -> None:
    for lesson in batch(random.Random(2), 0):
        for prompt, _ in lesson.texts:
            assert prompt.count("<image>") == 4 * len(lesson.tiles)


@torch.no_grad()
def test_a_question_in_a_packed_row_is_computed_as_it_would_be_alone(model: Model) -> None:
    network, tokenizer = model
    lesson = film_lesson(random.Random(4))
    row = packed_row(tokenizer, lesson)
    packed = pack([row], tokenizer.pad_token_id)
    states = hidden_states(network, packed, lesson.tiles)[0]
    for segment, text in enumerate(lesson.texts, start=1):
        alone = packed_row(tokenizer, Lesson([text], lesson.tiles))
        ids = tokenizer(text[0], add_special_tokens=False)["input_ids"]
        assert [token for token, _, _, _ in alone[: len(ids)]] == ids
        assert [place for _, _, place, _ in alone] == list(range(len(alone)))
        wanted = hidden_states(network, pack([alone], tokenizer.pad_token_id), lesson.tiles)[0]
        own = packed.segments[0] == segment
        torch.testing.assert_close(states[own], wanted[-int(own.sum()) :], rtol=1e-3, atol=1e-4)


def test_only_answers_have_targets(model: Model) -> None:
    _, tokenizer = model
    lesson = Lesson([("What is 1 + 1?", "2."), ("What is 1 + 2?", "3.")])
    targets = [target for _, target, _, _ in packed_row(tokenizer, lesson) if target != NOBODY]
    assert tokenizer.decode(targets) == " 2.<end_of_utterance> 3.<end_of_utterance>"


@torch.no_grad()
def test_only_the_answers_that_the_model_would_write_are_marked_as_right(model: Model) -> None:
    network, tokenizer = model
    prompt = "<|im_start|>User: What is 1 + 1?<end_of_utterance>\nAssistant:"
    ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
    states = network.model.text_model(input_ids=ids).last_hidden_state
    likeliest = int(network.lm_head(states[0, -1]).argmax())
    written = PreTrainedTokenizerFast.decode(tokenizer, likeliest)
    marks = mark(network, tokenizer, [Lesson([(prompt, "2."), (prompt, "3.")])])
    assert written not in (" ", " 2", " 3")
    assert marks.right == [[False, False]]


def test_the_exam_has_its_own_seed_and_sits_on_each_kind(model: Model) -> None:
    marks = {kind: (right, count) for kind, right, count in sit(*model, share=0.01)}
    assert list(marks) == list(EXAM)
    assert all(right <= count and count >= 1 for right, count in marks.values())
    assert not SEED.isdigit()
