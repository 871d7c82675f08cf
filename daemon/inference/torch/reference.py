"""The stock way to ask the model, as its users run it: one `generate` of transformers a question, one after the other.

What the engine is measured against: the same weights, the same requests, the same replies.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import SmolVLMForConditionalGeneration
from transformers.generation.streamers import BaseStreamer
from transformers.utils import logging

from daemon.inference.engine import Answer, Figures, Reply, Request
from daemon.inference.smolvlm.processor import Prepared, Processor
from daemon.inference.torch.devices import empty_cache, memory_of, pick_device, pick_dtype, synchronize


class FirstToken(BaseStreamer):
    """Notes when the first token was there: `generate` hands over the prompt, then token after token."""

    def __init__(self) -> None:
        self.at: float | None = None
        self._prompt_was_seen = False

    def put(self, value: Tensor) -> None:
        if self._prompt_was_seen and self.at is None:
            self.at = time.perf_counter()
        self._prompt_was_seen = True

    def end(self) -> None:
        pass


class ReferenceLoop:
    """A model loaded by transformers. Its phases are an engine's; of vision, the connector counts as prefill here."""

    def __init__(self, model: Any, device: torch.device) -> None:
        self.device = device
        self.model = model
        self._vision = self._vision_began = 0.0
        model.model.vision_model.register_forward_pre_hook(self._look)
        model.model.vision_model.register_forward_hook(self._looked)

    @classmethod
    def from_folder(cls, folder: Path, *, device: str, precision: str) -> ReferenceLoop:
        """Loaded on the device and in the numbers that these settings mean for the engine too."""
        place = pick_device(device)
        silence: Any = logging.disable_progress_bar
        silence()
        model: Any = SmolVLMForConditionalGeneration.from_pretrained(
            folder, dtype=pick_dtype(precision, place), local_files_only=True
        )
        return cls(model.to(place).eval(), place)

    def close(self) -> None:
        self.model = None
        empty_cache(self.device)

    def reply(self, request: Request, processor: Processor) -> Reply:
        """Every question is prepared and answered by itself, with exactly as many tokens as it allows."""
        seconds = dict.fromkeys(("preprocess", "vision", "prefill", "generate"), 0.0)
        answers, tokens_in = {}, 0
        for question in request.questions:
            began = time.perf_counter()
            prepared = processor.prepare(
                request.pictures, question.ask, timestamps=request.timestamps, seconds=request.seconds
            )
            seconds["preprocess"] += time.perf_counter() - began
            said = self._generate(prepared, question.tokens, seconds)
            answers[question.name] = Answer(text=processor.decode(said), tokens=len(said), complete=False)
            tokens_in += len(prepared.ids)
        figures = Figures(
            seconds=seconds,
            tokens_in=tokens_in,
            tokens_out=sum(answer.tokens for answer in answers.values()),
            batch_rows=1,
            device_memory_bytes=memory_of(self.device),
            cold_start=False,
        )
        return Reply(id=request.id, answers=answers, figures=figures)

    def _generate(self, prepared: Prepared, tokens: int, seconds: dict[str, float]) -> list[int]:
        """So many tokens, the likeliest each; what that took is added to the phases."""
        first, self._vision = FirstToken(), 0.0
        began = time.perf_counter()
        ids = torch.tensor([prepared.ids], device=self.device)
        pixels = torch.from_numpy(prepared.pixels).unsqueeze(0).to(self.device, self.model.dtype)
        said: Tensor = self.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            pixel_values=pixels,
            do_sample=False,
            min_new_tokens=tokens,
            max_new_tokens=tokens,
            streamer=first,
        )
        written: list[int] = said[0, ids.shape[1] :].tolist()
        ended = time.perf_counter()
        at = first.at or ended
        seconds["vision"] += self._vision
        seconds["prefill"] += at - began - self._vision
        seconds["generate"] += ended - at
        return written

    def _look(self, *_: object) -> None:
        synchronize(self.device)
        self._vision_began = time.perf_counter()

    def _looked(self, *_: object) -> None:
        synchronize(self.device)
        self._vision += time.perf_counter() - self._vision_began
