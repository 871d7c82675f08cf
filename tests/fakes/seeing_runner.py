"""A model that names the colour of a plain picture, behind a real processor; and the same with broken vision.

Stands in for a trained model where the demo model, which knows only shapes, cannot: it names no plain colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from daemon.inference.runner_loader import LoadedRunner
from daemon.inference.sampling_params import GREEDY, SamplingParams
from daemon.inference.smolvlm.checkpoint import ModelSpec
from daemon.inference.smolvlm.processor import Processor
from tests.fakes.batch_runner import PixelRunner

#: How far apart the means of two channels are for a colour, in the normalised values of -1 to 1.
APART = 0.5


class SeeingRunner(PixelRunner):
    """Its features are the means of a tile's channels, as text; its answer names the colour of the first tile."""

    def __init__(self, processor: Processor) -> None:
        super().__init__(processor.image_id, processor.tokens_per_tile)
        self._processor = processor
        self._prompt_lengths: dict[int, int] = {}

    def encode_images(self, tiles: Sequence[NDArray[np.float32]]) -> list[str]:
        return [" ".join(f"{channel.mean():.3f}" for channel in tile) for tile in tiles]

    def add(
        self, prompt_ids: Sequence[int], features: Sequence[str], capacity: int, sampling: SamplingParams = GREEDY
    ) -> int:
        slot_id = super().add(prompt_ids, features, capacity, sampling)
        self._prompt_lengths[slot_id] = len(self.slots[slot_id].pending)
        return slot_id

    def _take(self, slot_id: int, count: int) -> int:
        super()._take(slot_id, count)
        held = self.slots[slot_id].held
        seen = next((feature for feature in held if isinstance(feature, str)), "0 0 0")
        end_id = self._processor.end_id
        assert end_id is not None
        answer = [*self._processor.encode(f"A plain {colour_of(seen)} picture."), end_id]
        return answer[max(0, len(held) - self._prompt_lengths[slot_id])]


class ZeroedRunner(SeeingRunner):
    """Its vision features are all zero."""

    def encode_images(self, tiles: Sequence[NDArray[np.float32]]) -> list[str]:
        return ["0 0 0" for _ in tiles]


class SwappedRunner(SeeingRunner):
    """It takes red for blue and blue for red."""

    def encode_images(self, tiles: Sequence[NDArray[np.float32]]) -> list[str]:
        return super().encode_images([tile[::-1] for tile in tiles])


def colour_of(features: str) -> str:
    red, _, blue = map(float, features.split())
    return "red" if red - blue > APART else "blue" if blue - red > APART else "grey"


class SeeingLoader:
    """Loads one of these runners; `precision` is the name of its dtype."""

    engine_name = "seeing"

    def __init__(self, kind: type[SeeingRunner] = SeeingRunner, precision: str = "beads") -> None:
        self._kind, self._precision = kind, precision

    def load(self, folder: Path, spec: ModelSpec, max_sequences: int) -> LoadedRunner[str]:
        runner = self._kind(Processor.from_folder(folder, detail="fast"))
        runner.dtype_name = self._precision
        return LoadedRunner(runner, max_sequences)
