"""What transformers' own `generate` writes, one prompt at a time: the truth that batched answers are held to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import SmolVLMForConditionalGeneration

from config.recipes import Question
from daemon.inference.batch.sequence import SequenceGroup, TokenSequence
from daemon.inference.engine import Request
from daemon.inference.sampling_params import GREEDY, SamplingParams
from daemon.inference.smolvlm.processor import Floats, Processor
from daemon.inference.smolvlm.tile_dedup import distinct

TorchScene = SequenceGroup[Floats, torch.Tensor]


class Reference:
    """The model as transformers runs it, in float32."""

    def __init__(self, folder: Path) -> None:
        self.processor = Processor.from_folder(folder, detail="fast")
        self._model: Any = SmolVLMForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
        self._known: dict[tuple[str, str, int, SamplingParams], list[int]] = {}

    def written(self, request: Request, question: Question, limit: int, decoding: SamplingParams = GREEDY) -> list[int]:
        """The tokens of an answer, without the end token; `request.id` must stand for its pictures."""
        key = (request.id, question.ask, limit, decoding)
        if key not in self._known:
            self._known[key] = self._generate(request, question, limit, decoding)
        return self._known[key]

    def _generate(self, request: Request, question: Question, limit: int, decoding: SamplingParams) -> list[int]:
        prepared = self.processor.prepare(
            request.pictures, question.ask, timestamps=request.timestamps, seconds=request.seconds
        )
        written = self._model.generate(
            input_ids=torch.tensor([prepared.ids]),
            attention_mask=torch.ones(1, len(prepared.ids), dtype=torch.long),
            pixel_values=torch.from_numpy(prepared.pixels).unsqueeze(0),
            do_sample=False,
            max_new_tokens=limit,
            repetition_penalty=decoding.repetition_penalty,
        )
        tokens: list[int] = written[0, len(prepared.ids) :].tolist()
        return tokens[:-1] if tokens[-1] == self.processor.end_id else tokens

    def scene(self, request: Request, questions: Sequence[Question], limit: int) -> TorchScene:
        return scene_of(self.processor, request, questions, limit)


def scene_of(processor: Processor, request: Request, questions: Sequence[Question], limit: int) -> TorchScene:
    seen = processor.look(request.pictures, timestamps=request.timestamps, seconds=request.seconds)
    different, places = distinct(seen.tiles)
    ids = [(processor.ask(seen, question.ask), question.name) for question in questions]
    return SequenceGroup(
        list(processor.normal(different)),
        places,
        [TokenSequence(asked, limit, request.decoding.get(name, GREEDY)) for asked, name in ids],
    )
