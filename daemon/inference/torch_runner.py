"""SmolVLM in torch: tiles -> features, rows of tokens and features -> next tokens. Knows no requests and no text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, SmolVLMForConditionalGeneration
from transformers.utils import logging

from config.errors import ModelUnavailableError
from daemon.inference.devices import wait_for
from daemon.inference.processor import Floats

#: Tiles that go through the vision tower together; bounds the memory that a long video takes.
TILES_AT_ONCE = 8


@dataclass(frozen=True)
class Prompt:
    """Token ids, and the features (image tokens, hidden) that take the places of the `<image>` tokens, in order."""

    ids: Sequence[int]
    features: Tensor


class TorchRunner:
    """One loaded model. Every method may raise RuntimeError, out of memory among them."""

    def __init__(self, model: Any, device: torch.device, dtype: torch.dtype) -> None:
        self.device = device
        self.dtype = dtype
        self.model = model  # a SmolVLMForConditionalGeneration, whose own types are too loose to be checked against
        self.embed = model.get_input_embeddings()

    @classmethod
    def from_folder(cls, folder: Path, device: torch.device, dtype: torch.dtype) -> TorchRunner:
        """Load the weights straight in `dtype`; raises ModelUnavailableError unless all of them are there and fit."""
        silence: Any = logging.disable_progress_bar
        silence()
        try:
            loaded: Any = SmolVLMForConditionalGeneration.from_pretrained(
                folder, dtype=dtype, local_files_only=True, output_loading_info=True
            )
        except Exception as error:  # whatever damaged files make the libraries raise
            raise ModelUnavailableError(f"The weights in {folder} cannot be loaded: {error}") from error
        model, report = loaded
        wrong = {kind: sorted(map(str, names)) for kind, names in report.items() if names}
        if wrong:
            told = "; ".join(f"{kind.replace('_', ' ')}: {', '.join(names[:3])}" for kind, names in wrong.items())
            raise ModelUnavailableError(f"The weights in {folder} are not a SmolVLM's: {told}")
        return cls(model.to(device).eval(), device, dtype)

    @torch.inference_mode()
    def see(self, pixels: Floats) -> Tensor:
        """Pixels (tiles, 3, tile, tile) -> features (tiles x tokens a tile, hidden)."""
        model = self.model.model
        seen = [torch.empty(0, self.model.config.text_config.hidden_size, dtype=self.dtype, device=self.device)]
        for tiles in torch.split(torch.from_numpy(pixels), TILES_AT_ONCE):
            states = model.vision_model(pixel_values=tiles.to(self.device, self.dtype)).last_hidden_state
            seen.append(model.connector(states).flatten(0, 1))
        wait_for(self.device)
        return torch.cat(seen)

    @torch.inference_mode()
    def begin(self, prompts: Sequence[Prompt]) -> Batch:
        """Read the prompts side by side, padded on the left; the batch has their first tokens."""
        longest = max(len(prompt.ids) for prompt in prompts)
        padding = [longest - len(prompt.ids) for prompt in prompts]
        # What stands in the padding is never looked at; a token that is not <image> keeps the features in place.
        ids = torch.tensor([[0] * pad + list(prompt.ids) for pad, prompt in zip(padding, prompts, strict=True)])
        mask = torch.tensor([[0] * pad + [1] * (longest - pad) for pad in padding])
        ids, mask = ids.to(self.device), mask.to(self.device)
        places = (ids == self.model.config.image_token_id).unsqueeze(-1)
        embedded = self.embed(ids)
        embedded = embedded.masked_scatter(places, torch.cat([prompt.features for prompt in prompts]))
        batch = Batch(self, mask)
        batch.tokens = batch.read(embedded, (mask.cumsum(-1) - 1).clamp(min=0))
        return batch


class Batch:
    """Rows written side by side. `tokens` are the newest, one a row; `advance` writes one more."""

    def __init__(self, runner: TorchRunner, mask: Tensor) -> None:
        self.tokens: list[int] = []
        self._runner = runner
        self._mask = mask
        self._cache = DynamicCache(config=runner.model.config.text_config)

    @torch.inference_mode()
    def advance(self) -> None:
        """The likeliest next token of every row, also of those that have ended: rows stay where they are."""
        newest = torch.tensor(self.tokens, device=self._mask.device).unsqueeze(-1)
        self._mask = torch.cat([self._mask, torch.ones_like(newest)], dim=-1)
        positions = self._mask.sum(-1, keepdim=True) - 1
        self.tokens = self.read(self._runner.embed(newest), positions)

    def read(self, embedded: Tensor, positions: Tensor) -> list[int]:
        """Embedded tokens (rows, length, hidden) at their positions (rows, length) -> the likeliest next ones."""
        hidden = self._runner.model.model.text_model(
            inputs_embeds=embedded,
            attention_mask=self._mask,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
        ).last_hidden_state
        tokens: list[int] = self._runner.model.lm_head(hidden[:, -1]).argmax(-1).tolist()
        return tokens
