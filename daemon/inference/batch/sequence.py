"""What the batch works on: scenes, and the answers that are written about each."""

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
    WAITING = "waits for a place in the batch"
    ADMITTED = "has a place; its pictures or the prefix that it shares are not ready"
    PREFILL = "its prompt is being read"
    DECODE = "its tokens are being written"
    DONE = "is over"
    CANCELLED = "is no longer wanted"


@dataclass(eq=False)
class TokenSequence:
    """One answer: the prompt's token ids, what is said so far, and at most `limit` tokens of it, chosen by `decoding`.

    While `row` is set the runner holds the first `read` tokens of the prompt there.
    """

    ids: Sequence[int]
    limit: int
    decoding: SamplingParams = GREEDY
    state: SequenceState = SequenceState.WAITING
    row: int | None = None
    read: int = 0
    output_ids: list[int] = field(default_factory=list)
    stop: StopReason | None = None

    @property
    def is_scheduled(self) -> bool:
        return self.state in (SequenceState.ADMITTED, SequenceState.PREFILL, SequenceState.DECODE)

    @property
    def is_finished(self) -> bool:
        return self.state in (SequenceState.DONE, SequenceState.CANCELLED)

    def reset(self) -> None:
        """Back into line, as if it had never been begun."""
        self.state, self.row, self.read, self.stop = SequenceState.WAITING, None, 0, None
        self.output_ids.clear()


class SequenceGroup(Generic[Tile, Features]):
    """Pictures and the answers that are to be written about them.

    Each of `tiles` is encoded once; `tile_indices` gives the tile of each image position in the prompts.
    `tile_features` are the features of tiles that were encoded before, for an earlier group, and are not in `tiles`.
    `seconds` are wall-clock seconds by phase; `peak_batch_size` is the largest batch that one of the sequences was in.
    """

    def __init__(
        self,
        tiles: Sequence[Tile],
        tile_indices: Sequence[int],
        sequences: Sequence[TokenSequence],
        tile_features: Sequence[Features] = (),
    ) -> None:
        self.tiles, self.tile_indices, self.sequences = tiles, tile_indices, sequences
        self.tile_features = list(tile_features)  # tile by tile
        self.prefix_length = shared_prefix([sequence.ids for sequence in sequences])
        self.failure: str | None = None
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self.peak_batch_size = 0

    @property
    def pending_tiles(self) -> Sequence[Tile]:
        return self.tiles[len(self.tile_features) :]

    def add_features(self, features: Features) -> None:
        """What the model sees in the next tile; when that was the last, the tiles are let go."""
        self.tile_features.append(features)
        if not self.pending_tiles:
            self.tiles = ()

    @property
    def features(self) -> list[Features]:
        """Of every place in the prompts, in their order."""
        return [self.tile_features[place] for place in self.tile_indices]

    @property
    def is_finished(self) -> bool:
        return self.failure is not None or all(sequence.is_finished for sequence in self.sequences)

    @property
    def prefix_owner(self) -> TokenSequence | None:
        """The writing whose row has read most, so that others may fork from it."""
        return max((one for one in self.sequences if one.row is not None), key=lambda one: one.read, default=None)

    def releasable(self) -> list[TokenSequence]:
        """Those that are over and whose row nobody needs: no other is to fork, or another row holds the prefix too."""
        to_come = self.prefix_length and any(
            one.state in (SequenceState.WAITING, SequenceState.ADMITTED) for one in self.sequences
        )
        holding = [one for one in self.sequences if one.row is not None]
        over = [one for one in holding if one.is_finished]
        kept = (
            over[:1]
            if to_come and not any(one.read >= self.prefix_length for one in holding if not one.is_finished)
            else []
        )
        return [one for one in over if one not in kept]


def shared_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """How many tokens all prompts begin with; at least one of each is left over, as its answer begins there."""
    if not prompts:
        return 0
    alike = sum(1 for _ in takewhile(lambda tokens: len(set(tokens)) == 1, zip(*prompts, strict=False)))
    return min(alike, min(map(len, prompts)) - 1)
