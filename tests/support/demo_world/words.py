"""The second course: the decoder learns to answer. The vision tower stays as the first course left it.

All questions about a scene share a row: the tokens that their prompts begin with, then each question's own tokens,
which see the shared ones and themselves, at the positions that they would have alone.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedTokenizerFast, SmolVLMForConditionalGeneration

from tests.support.demo_world.course import Notebook, Optimisers, Report, stream
from tests.support.demo_world.eyes import NOBODY, look
from tests.support.demo_world.lessons import KINDS, Lesson, batch

#: Segments of a row: the shared tokens, and the padding; questions count from one.
SHARED, PADDING = 0, -1


#: Each token's id, target, position and segment.
Row = list[tuple[int, int, int, int]]
#: Rows of about one length are computed together, so that little is padding.
ROWS_AT_ONCE = 8


@dataclass(frozen=True)
class Packed:
    """Rows of tokens, all (rows, length); `targets` are NOBODY except at the answers' tokens."""

    ids: Tensor
    targets: Tensor
    positions: Tensor
    segments: Tensor

    def mask(self) -> Tensor:
        """(rows, 1, length, length), true where the token of the third dimension sees that of the fourth."""
        length = self.ids.shape[1]
        seen, seer = self.segments[:, None, :], self.segments[:, :, None]
        may = (seen == SHARED) | (seen == seer)
        return (may & torch.ones(length, length, dtype=torch.bool).tril()).unsqueeze(1)


def pack(rows: list[Row], padding_token: int) -> Packed:
    length = max(len(row) for row in rows)
    padding = (padding_token, NOBODY, 0, PADDING)
    table = torch.tensor([row + [padding] * (length - len(row)) for row in rows])
    return Packed(*table.unbind(-1))


def packed_row(tokenizer: PreTrainedTokenizerFast, lesson: Lesson) -> Row:
    prompts = [tokenizer(prompt, add_special_tokens=False)["input_ids"] for prompt, _ in lesson.texts]
    together = itertools.takewhile(lambda tokens: len(set(tokens)) == 1, zip(*prompts, strict=False))
    shared = [tokens[0] for tokens in together]
    row = [(token, NOBODY, place, SHARED) for place, token in enumerate(shared)]
    for segment, (prompt, (_, answer)) in enumerate(zip(prompts, lesson.texts, strict=True), start=1):
        tail = [*tokenizer(f" {answer}", add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        own = [(token, NOBODY) for token in prompt[len(shared) :]] + [(token, token) for token in tail]
        row += [(token, target, place, segment) for place, (token, target) in enumerate(own, start=len(shared))]
    return row


@dataclass(frozen=True)
class Marks:
    """`loss`: the mean over the answers, short ones as heavy as long ones. `right`: per lesson, each of its answers."""

    loss: Tensor
    right: list[list[bool]]


def mark(model: SmolVLMForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, lessons: list[Lesson]) -> Marks:
    """An answer is right if each of its tokens is the likeliest after those before: so greedy decoding writes it."""
    rows = [packed_row(tokenizer, lesson) for lesson in lessons]
    right = [[True] * len(lesson.texts) for lesson in lessons]
    by_length = sorted(range(len(rows)), key=lambda k: len(rows[k]))
    losses = []
    for start in range(0, len(rows), ROWS_AT_ONCE):
        chosen = by_length[start : start + ROWS_AT_ONCE]
        packed = pack([rows[k] for k in chosen], tokenizer.pad_token_id)
        asked = packed.targets[:, 1:] != NOBODY
        states = hidden_states(model, packed, [tile for k in chosen for tile in lessons[k].tiles])
        logits = model.lm_head(states[:, :-1][asked])
        truth = packed.targets[:, 1:][asked]
        token_losses = functional.cross_entropy(logits, truth, reduction="none")
        losses.append((token_losses / answer_lengths(packed, asked)).sum())
        for row, column in asked.nonzero()[logits.argmax(1) != truth].tolist():
            right[chosen[row]][packed.segments[row, column + 1] - 1] = False
    return Marks(torch.stack(losses).sum() / sum(len(row) for row in right), right)


def answer_lengths(packed: Packed, asked: Tensor) -> Tensor:
    """For each token that is asked for, how many tokens its answer has: one dimension, in the order of `asked`."""
    rows, columns = asked.nonzero().unbind(1)
    answers = rows * packed.ids.shape[1] + packed.segments[rows, columns + 1]
    return torch.bincount(answers)[answers]


def hidden_states(model: SmolVLMForConditionalGeneration, packed: Packed, tiles: list[NDArray[np.uint8]]) -> Tensor:
    """The decoder's last states (rows, length, hidden); `tiles` in the order of their places in the rows."""
    embedded = model.model.text_model.embed_tokens(packed.ids)
    if tiles:
        places = (packed.ids == model.config.image_token_id).unsqueeze(-1)
        embedded = embedded.masked_scatter(places, look(model, torch.from_numpy(np.stack(tiles))))
    states: Tensor = model.model.text_model(
        inputs_embeds=embedded, position_ids=packed.positions, attention_mask=packed.mask(), use_cache=False
    ).last_hidden_state
    return states


def teach_words(
    model: SmolVLMForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    steps: int,
    rate: float,
    file: Path,
    report: Report,
) -> None:
    model.model.vision_model.requires_grad_(False)
    learning = [model.model.text_model, model.model.connector, model.lm_head]
    optimisers = Optimisers(learning, 1.5e-3 * rate, 4e-3 * rate)
    notebook = Notebook(file, [model], optimisers)
    first = notebook.open()
    batches = stream(12, batch, first)
    answers: dict[str, list[bool]] = defaultdict(list)
    for step in range(first, steps):
        marks = mark(model, tokenizer, next(batches))
        optimisers.step(marks.loss, (step + 1) / steps)
        for kind, right in zip(KINDS, marks.right, strict=True):
            answers[kind].extend(right)
        if step % 25 == 24 or step == steps - 1:
            shares = " ".join(f"{kind} {sum(right) / len(right):.3f}" for kind, right in answers.items())
            report(f"words {step} loss {marks.loss.item():.4f} {shares}")
            answers.clear()
        notebook.note(step + 1, last=step == steps - 1)
