"""Answers of transformers' own `generate`, one prompt at a time: the reference for batched answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import LogitsProcessor, LogitsProcessorList, SmolVLMForConditionalGeneration

from config.recipes import Question
from daemon.inference.batch.scheduler import Scheduler
from daemon.inference.batch.sequence import SequenceGroup, TokenSequence
from daemon.inference.engine import Request
from daemon.inference.sampling_params import GREEDY, SamplingParams
from daemon.inference.smolvlm.processor import Floats, Processor
from daemon.inference.smolvlm.tile_dedup import deduplicate
from daemon.inference.token_sampling import sample_token

TorchGroup = SequenceGroup[Floats, torch.Tensor]


class SeededChoice(LogitsProcessor):
    """Leaves only the token that our seeded sampling takes of transformers' scores."""

    def __init__(self, sampling: SamplingParams) -> None:
        self._sampling = sampling

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        token = sample_token(scores[0].double().numpy(), self._sampling, input_ids.shape[1])
        return torch.full_like(scores, -torch.inf).index_fill_(1, torch.tensor([token]), 0.0)


class Reference:
    """The model in transformers, in float32."""

    def __init__(self, folder: Path) -> None:
        self.processor = Processor.from_folder(folder, detail="fast")
        self._model: Any = SmolVLMForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
        self._cached: dict[tuple[str, str, int, SamplingParams], list[int]] = {}

    def generated(
        self, request: Request, question: Question, max_tokens: int, sampling: SamplingParams = GREEDY
    ) -> list[int]:
        """The tokens of an answer, without the end token; `request.id` must identify its pictures."""
        key = (request.id, question.ask, max_tokens, sampling)
        if key not in self._cached:
            self._cached[key] = self._generate(request, question, max_tokens, sampling)
        return self._cached[key]

    def _generate(self, request: Request, question: Question, max_tokens: int, sampling: SamplingParams) -> list[int]:
        prepared = self.processor.prepare(
            request.pictures,
            question.ask,
            timestamps=request.timestamps,
            seconds=request.seconds,
            system=request.system,
        )
        generated = self._model.generate(
            input_ids=torch.tensor([prepared.prompt_ids]),
            attention_mask=torch.ones(1, len(prepared.prompt_ids), dtype=torch.long),
            **({"pixel_values": torch.from_numpy(prepared.pixels).unsqueeze(0)} if len(prepared.pixels) else {}),
            do_sample=False,
            logits_processor=LogitsProcessorList([SeededChoice(sampling)] if sampling.is_sampled else []),
            max_new_tokens=max_tokens,
            repetition_penalty=sampling.repetition_penalty,
        )
        tokens: list[int] = generated[0, len(prepared.prompt_ids) :].tolist()
        return tokens[:-1] if tokens[-1] == self.processor.end_id else tokens

    def features(self, tiles: Floats) -> Floats:
        """Of tiles (tiles, 3, tile, tile): (tiles, tokens a tile, hidden)."""
        with torch.inference_mode():
            hidden = self._model.model.vision_model(pixel_values=torch.from_numpy(tiles)).last_hidden_state
            found: Floats = self._model.model.connector(hidden).numpy()
        return found

    def group(self, request: Request, questions: Sequence[Question], max_tokens: int) -> TorchGroup:
        return group_of(self.processor, request, questions, max_tokens)


def batched_outputs(
    runner: Any,
    processor: Processor,
    requests: Sequence[Request],
    questions: Sequence[Question],
    tokens: int,
    *,
    max_sequences: int,
    max_tokens: int,
) -> list[list[int]]:
    """The tokens of each request's answers, all in one batch of a runner of any engine."""
    batch: Scheduler[Any, Any] = Scheduler(runner, max_sequences=max_sequences, max_tokens=max_tokens, end_id=None)
    groups = [group_of(processor, request, questions, tokens) for request in requests]
    for group in groups:
        batch.add(group)
    over = 0
    while over < len(groups):
        over += len(batch.step())
    return [sequence.output_ids for group in groups for sequence in group.sequences]


def group_of(processor: Processor, request: Request, questions: Sequence[Question], max_tokens: int) -> TorchGroup:
    seen = processor.image_prompt(request.pictures, timestamps=request.timestamps, seconds=request.seconds)
    different, places = deduplicate(seen.tiles)
    ids = [(processor.prompt_ids(seen, question.ask, system=request.system), question.name) for question in questions]
    return SequenceGroup(
        list(processor.normalize(list(different.values()))),
        places,
        [TokenSequence(prompt_ids, max_tokens, request.sampling.get(name, GREEDY)) for prompt_ids, name in ids],
    )
