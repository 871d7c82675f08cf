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


#: What a decoder makes of bytes that are no whole character.
INCOMPLETE = "\ufffd"


@dataclass(frozen=True, eq=False)
class ImageFeatures(Generic[Features]):
    """The encoded pictures of a request: their part of the `prompt`, without its tiles, and the tiles' features.

    `tile_indices`: the tile of each image position. Without `features`, the tiles are not encoded yet.
    """

    prompt: ImagePrompt
    tile_indices: Sequence[int]
    features: Sequence[Features]


@dataclass(eq=False)
class InFlight(Generic[Tile, Features]):
    """One request and its sequence group; `is_cold`: it is among the first since the model was loaded.

    `keys`: under which the features of the group's tiles are cached, once they are encoded.
    """

    request: Request
    group: SequenceGroup[Tile, Features]
    prompt: ImagePrompt
    keys: Sequence[str]
    preprocess_seconds: float
    is_cold: bool = False

    @property
    def encoded(self) -> dict[str, Features]:
        """The features that were encoded for this request, by key."""
        return dict(zip(self.keys, self.group.tile_features[self.group.num_cached :], strict=False))

    def partial(self, decode: Callable[[list[int]], str]) -> dict[str, str]:
        """The answers so far, by question name, without the bytes of an incomplete character at the end."""
        texts = {
            question.name: decode(sequence.output_ids).rstrip(INCOMPLETE).rstrip()
            for question, sequence in zip(self.request.questions, self.group.sequences, strict=True)
        }
        return {name: text for name, text in texts.items() if text}

    def reply(self, decode: Callable[[list[int]], str], device_memory_bytes: int, cache_bytes: int) -> Reply:
        """The reply once the group is finished; `decode` turns token ids into text."""
        if self.group.failure is not None:
            return Reply(id=self.request.id, error=EngineError(f"The model failed: {self.group.failure}"))
        sequences = self.group.sequences
        answers = {
            question.name: Answer(
                text=decode(sequence.output_ids),
                tokens=len(sequence.output_ids),
                complete=sequence.stop_reason is StopReason.END,
                looped=sequence.stop_reason is StopReason.LOOP,
            )
            for question, sequence in zip(self.request.questions, sequences, strict=True)
        }
        figures = Figures(
            seconds={"preprocess": self.preprocess_seconds} | self.group.seconds,
            tokens_in=sum(len(sequence.prompt_ids) for sequence in sequences),
            tokens_out=sum(len(sequence.output_ids) for sequence in sequences),
            batch_rows=self.group.peak_batch_size,
            device_memory_bytes=device_memory_bytes,
            cold_start=self.is_cold,
            cache_bytes=cache_bytes,
            tiles_encoded=len(self.encoded),
        )
        image_features = ImageFeatures(self.prompt, self.group.tile_indices, self.group.tile_features)
        return Reply(id=self.request.id, answers=answers, figures=figures, image_features=image_features)
