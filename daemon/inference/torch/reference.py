"""The stock loop, as users of transformers run it: one `generate` a question, one after the other.

The reference of the benchmark: the same weights, the same requests, the same replies.
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
from daemon.inference.torch.devices import empty_cache, memory_bytes, pick_device, pick_dtype, synchronize


class FirstTokenTimer(BaseStreamer):
    """Records when the first token arrives: `generate` passes the prompt, then token after token."""

    def __init__(self) -> None:
        self.at: float | None = None
        self._has_prompt = False

    def put(self, value: Tensor) -> None:
        if self._has_prompt and self.at is None:
            self.at = time.perf_counter()
        self._has_prompt = True

    def end(self) -> None:
        pass


class ReferenceLoop:
    """A model loaded by transformers. It has the phases of an engine, except that the connector counts as prefill."""

    def __init__(self, model: Any, device: torch.device) -> None:
        self.device = device
        self.model = model
        self._vision = self._vision_started = 0.0
        model.model.vision_model.register_forward_pre_hook(self._before_vision)
        model.model.vision_model.register_forward_hook(self._after_vision)

    @classmethod
    def from_folder(cls, folder: Path, *, device: str, precision: str) -> ReferenceLoop:
        """Loaded on the same device and in the same precision as the engine with these settings."""
        chosen_device = pick_device(device)
        disable_progress: Any = logging.disable_progress_bar
        disable_progress()
        model: Any = SmolVLMForConditionalGeneration.from_pretrained(
            folder, dtype=pick_dtype(precision, chosen_device), local_files_only=True
        )
        return cls(model.to(chosen_device).eval(), chosen_device)

    def close(self) -> None:
        self.model = None
        empty_cache(self.device)

    def reply(self, request: Request, processor: Processor) -> Reply:
        """Every question is preprocessed and answered alone, with exactly as many tokens as it allows."""
        seconds = dict.fromkeys(("preprocess", "vision", "prefill", "generate"), 0.0)
        answers, tokens_in = {}, 0
        for question in request.questions:
            began = time.perf_counter()
            prepared = processor.prepare(
                request.pictures,
                question.ask,
                timestamps=request.timestamps,
                seconds=request.seconds,
                system=request.system,
            )
            seconds["preprocess"] += time.perf_counter() - began
            output_ids = self._generate(prepared, question.tokens, seconds)
            answers[question.name] = Answer(text=processor.decode(output_ids), tokens=len(output_ids), complete=False)
            tokens_in += len(prepared.prompt_ids)
        figures = Figures(
            seconds=seconds,
            tokens_in=tokens_in,
            tokens_out=sum(answer.tokens for answer in answers.values()),
            batch_rows=1,
            device_memory_bytes=memory_bytes(self.device),
            cold_start=False,
        )
        return Reply(id=request.id, answers=answers, figures=figures)

    def _generate(self, prepared: Prepared, tokens: int, seconds: dict[str, float]) -> list[int]:
        """Exactly so many tokens, greedily; adds the times to `seconds` by phase."""
        first, self._vision = FirstTokenTimer(), 0.0
        began = time.perf_counter()
        ids = torch.tensor([prepared.prompt_ids], device=self.device)
        pixels = {}
        if len(prepared.pixels):
            pixels["pixel_values"] = torch.from_numpy(prepared.pixels).unsqueeze(0).to(self.device, self.model.dtype)
        output_ids: Tensor = self.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            **pixels,
            do_sample=False,
            min_new_tokens=tokens,
            max_new_tokens=tokens,
            streamer=first,
        )
        written: list[int] = output_ids[0, ids.shape[1] :].tolist()
        ended = time.perf_counter()
        at = first.at or ended
        seconds["vision"] += self._vision
        seconds["prefill"] += at - began - self._vision
        seconds["generate"] += ended - at
        return written

    def _before_vision(self, *_: object) -> None:
        synchronize(self.device)
        self._vision_started = time.perf_counter()

    def _after_vision(self, *_: object) -> None:
        synchronize(self.device)
        self._vision += time.perf_counter() - self._vision_started
