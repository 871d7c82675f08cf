"""What an engine keeps of a request between `submit` and its reply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from daemon.errors import EngineError
from daemon.inference.batch.sequence import SequenceGroup
from daemon.inference.batch.stop_criteria import StopReason
from daemon.inference.engine import Answer, Figures, Reply, Request
from daemon.inference.smolvlm.processor import ImagePrompt

Tile = TypeVar("Tile")
Features = TypeVar("Features")


@dataclass(frozen=True, eq=False)
class ImageFeatures(Generic[Features]):
    """What was seen in a request's pictures: their part of the `prompt`, without its tiles, and the features.

    `tile_indices` says which of them stands where. Without `features`, the tiles are still to be looked at.
    """

    prompt: ImagePrompt
    tile_indices: Sequence[int]
    features: Sequence[Features]


@dataclass(eq=False)
class InFlight(Generic[Tile, Features]):
    """One request, and what became of it in the batch; `cold`: it was the first that the engine was asked."""

    request: Request
    scene: SequenceGroup[Tile, Features]
    prompt: ImagePrompt
    preprocess: float
    cold: bool = False

    def reply(self, decode: Callable[[list[int]], str], device_memory_bytes: int, cache_bytes: int) -> Reply:
        """The reply once the scene is over; `decode` makes words of tokens."""
        if self.scene.failure is not None:
            return Reply(id=self.request.id, error=EngineError(f"The model failed: {self.scene.failure}"))
        writings = self.scene.sequences
        answers = {
            question.name: Answer(
                text=decode(one.output_ids),
                tokens=len(one.output_ids),
                complete=one.stop is StopReason.END,
                looped=one.stop is StopReason.LOOP,
            )
            for question, one in zip(self.request.questions, writings, strict=True)
        }
        figures = Figures(
            seconds={"preprocess": self.preprocess} | self.scene.seconds,
            tokens_in=sum(len(one.ids) for one in writings),
            tokens_out=sum(len(one.output_ids) for one in writings),
            batch_rows=self.scene.peak_batch_size,
            device_memory_bytes=device_memory_bytes,
            cold_start=self.cold,
            cache_bytes=cache_bytes,
        )
        impression = ImageFeatures(self.prompt, self.scene.tile_indices, self.scene.tile_features)
        return Reply(id=self.request.id, answers=answers, figures=figures, impression=impression)
