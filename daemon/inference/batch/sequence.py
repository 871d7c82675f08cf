"""What the scheduler works on: sequence groups, one a request, and their sequences, one an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import takewhile
from typing import Generic, TypeVar

from daemon.inference.batch.stop_criteria import StopReason
from daemon.inference.sampling_params import GREEDY, SamplingParams

Tile = TypeVar("Tile")
Features = TypeVar("Features")

PHASES = ("vision", "prefill", "generate")


class SequenceState(Enum):
    WAITING = "waits to be admitted to the batch"
    ADMITTED = "has a place; its image features or its shared prefix are not ready"
    PREFILL = "its prompt is being prefilled"
    DECODE = "its tokens are being decoded"
    DONE = "is finished"
    CANCELLED = "was cancelled"


@dataclass(eq=False)
class TokenSequence:
    """One answer: the prompt's token ids, the output so far, and at most `max_tokens` of it, chosen by `sampling`.

    While `slot_id` is set, the runner holds the first `num_prefilled` tokens of the prompt in that slot.
    """

    prompt_ids: Sequence[int]
    max_tokens: int
    sampling: SamplingParams = GREEDY
    state: SequenceState = SequenceState.WAITING
    slot_id: int | None = None
    num_prefilled: int = 0
    output_ids: list[int] = field(default_factory=list)
    stop_reason: StopReason | None = None

    @property
    def is_scheduled(self) -> bool:
        return self.state in (SequenceState.ADMITTED, SequenceState.PREFILL, SequenceState.DECODE)

    @property
    def is_finished(self) -> bool:
        return self.state in (SequenceState.DONE, SequenceState.CANCELLED)

    def reset(self) -> None:
        """Back to waiting, without any output."""
        self.state, self.slot_id, self.num_prefilled, self.stop_reason = SequenceState.WAITING, None, 0, None
        self.output_ids.clear()


class SequenceGroup(Generic[Tile, Features]):
    """One request's pictures, and the sequences that are prompted with them.

    Each of `tiles` is encoded once; `tile_indices` gives the tile of each image position in the prompts.
    `tile_features` are the features of tiles that were encoded before, for an earlier group, and are not in `tiles`:
    their indices come first.
    An urgent group goes before all that are not; it is also preempted last.
    `seconds` are wall-clock seconds by phase; `peak_batch_size` is the largest batch that one of the sequences was in.
    """

    def __init__(
        self,
        tiles: Sequence[Tile],
        tile_indices: Sequence[int],
        sequences: Sequence[TokenSequence],
        tile_features: Sequence[Features] = (),
        *,
        is_urgent: bool = False,
    ) -> None:
        self.tiles, self.tile_indices, self.sequences = tiles, tile_indices, sequences
        self.tile_features = list(tile_features)  # tile by tile
        self.num_cached = len(self.tile_features)
        self.prefix_length = shared_prefix_length([sequence.prompt_ids for sequence in sequences])
        self.is_urgent = is_urgent
        self.failure: str | None = None
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self.peak_batch_size = 0

    @property
    def pending_tiles(self) -> Sequence[Tile]:
        """The tiles that are not encoded yet."""
        return self.tiles[len(self.tile_features) - self.num_cached :]

    def add_features(self, features: Features) -> None:
        """The features of the next tile; after the last one, the tiles are dropped."""
        self.tile_features.append(features)
        if not self.pending_tiles:
            self.tiles = ()

    @property
    def features(self) -> list[Features]:
        """Of every image position in the prompts, in order."""
        return [self.tile_features[index] for index in self.tile_indices]

    @property
    def is_finished(self) -> bool:
        return self.failure is not None or all(sequence.is_finished for sequence in self.sequences)

    @property
    def prefix_owner(self) -> TokenSequence | None:
        """The sequence whose slot has prefilled most, so that others can fork from it."""
        holders = (sequence for sequence in self.sequences if sequence.slot_id is not None)
        return max(holders, key=lambda sequence: sequence.num_prefilled, default=None)

    def releasable(self) -> list[TokenSequence]:
        """Finished sequences whose slot is not needed: none is left to fork, or another slot holds the prefix too."""
        will_fork = self.prefix_length and any(
            sequence.state in (SequenceState.WAITING, SequenceState.ADMITTED) for sequence in self.sequences
        )
        holders = [sequence for sequence in self.sequences if sequence.slot_id is not None]
        finished = [sequence for sequence in holders if sequence.is_finished]
        prefix_is_held = any(
            sequence.num_prefilled >= self.prefix_length for sequence in holders if not sequence.is_finished
        )
        kept = finished[:1] if will_fork and not prefix_is_held else []
        return [sequence for sequence in finished if sequence not in kept]


def shared_prefix_length(prompts: Sequence[Sequence[int]]) -> int:
    """How many tokens all prompts begin with; at least one of each is left over, as its answer begins there."""
    if not prompts:
        return 0
    shared = sum(1 for _ in takewhile(lambda tokens: len(set(tokens)) == 1, zip(*prompts, strict=False)))
    return min(shared, min(map(len, prompts)) - 1)
