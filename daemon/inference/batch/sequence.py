"""What the batch works on: scenes, and the answers that are written about each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import takewhile
from typing import Generic, TypeVar

from daemon.inference.batch.stop_criteria import Stop
from daemon.inference.sampling_params import PLAIN, Decoding

Tile = TypeVar("Tile")
Features = TypeVar("Features")

PHASES = ("vision", "prefill", "generate")


class State(Enum):
    WAITING = "waits for a place in the batch"
    ADMITTED = "has a place; its pictures or the prefix that it shares are not ready"
    READING = "its prompt is being read"
    WRITING = "its tokens are being written"
    DONE = "is over"
    CANCELLED = "is no longer wanted"


@dataclass(eq=False)
class Writing:
    """One answer: the prompt's token ids, what is said so far, and at most `limit` tokens of it, chosen by `decoding`.

    While `row` is set the runner holds the first `read` tokens of the prompt there.
    """

    ids: Sequence[int]
    limit: int
    decoding: Decoding = PLAIN
    state: State = State.WAITING
    row: int | None = None
    read: int = 0
    said: list[int] = field(default_factory=list)
    stop: Stop | None = None

    @property
    def has_place(self) -> bool:
        return self.state in (State.ADMITTED, State.READING, State.WRITING)

    @property
    def is_over(self) -> bool:
        return self.state in (State.DONE, State.CANCELLED)

    def begin_again(self) -> None:
        """Back into line, as if it had never been begun."""
        self.state, self.row, self.read, self.stop = State.WAITING, None, 0, None
        self.said.clear()


class Scene(Generic[Tile, Features]):
    """Pictures and the answers that are to be written about them.

    `tiles` are looked at once; `places` says which of them stands where in the prompts. `seen` are those that were
    looked at before, for an earlier scene, and are no longer among `tiles`. `seconds` by phase are as a
    clock on the wall shows them, whatever ran beside; `rows_beside` is the most answers that were written together.
    """

    def __init__(
        self,
        tiles: Sequence[Tile],
        places: Sequence[int],
        writings: Sequence[Writing],
        seen: Sequence[Features] = (),
    ) -> None:
        self.tiles, self.places, self.writings = tiles, places, writings
        self.seen = list(seen)  # tile by tile
        self.prefix = shared_prefix([writing.ids for writing in writings])
        self.failure: str | None = None
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self.rows_beside = 0

    @property
    def unseen(self) -> Sequence[Tile]:
        return self.tiles[len(self.seen) :]

    def see(self, features: Features) -> None:
        """What the model sees in the next tile; when that was the last, the tiles are let go."""
        self.seen.append(features)
        if not self.unseen:
            self.tiles = ()

    @property
    def features(self) -> list[Features]:
        """Of every place in the prompts, in their order."""
        return [self.seen[place] for place in self.places]

    @property
    def is_over(self) -> bool:
        return self.failure is not None or all(writing.is_over for writing in self.writings)

    @property
    def stem(self) -> Writing | None:
        """The writing whose row has read most, so that others may fork from it."""
        return max((one for one in self.writings if one.row is not None), key=lambda one: one.read, default=None)

    def spent(self) -> list[Writing]:
        """Those that are over and whose row nobody needs: no other is to fork, or another row holds the prefix too."""
        to_come = self.prefix and any(one.state in (State.WAITING, State.ADMITTED) for one in self.writings)
        holding = [one for one in self.writings if one.row is not None]
        over = [one for one in holding if one.is_over]
        kept = over[:1] if to_come and not any(one.read >= self.prefix for one in holding if not one.is_over) else []
        return [one for one in over if one not in kept]


def shared_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """How many tokens all prompts begin with; at least one of each is left over, as its answer begins there."""
    if not prompts:
        return 0
    alike = sum(1 for _ in takewhile(lambda tokens: len(set(tokens)) == 1, zip(*prompts, strict=False)))
    return min(alike, min(map(len, prompts)) - 1)
