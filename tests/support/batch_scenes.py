"""Scenes for the hash model: pictures first, then the question, as in the stock prompt."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from daemon.inference.batch.sequence import SequenceGroup, TokenSequence
from tests.fakes.batch_runner import IMAGE, answer

HashGroup = SequenceGroup[int, str]


def scene(tiles: Sequence[int], questions: Sequence[Sequence[int]], limit: int = 6) -> HashGroup:
    """Every tile has one place; the questions share all that stands before them."""
    head = [1, *[IMAGE] * len(tiles), 2]
    return SequenceGroup(
        tiles, range(len(tiles)), [TokenSequence([*head, *question, 3], limit) for question in questions]
    )


def talkative(limit: int, *, after: int = 0) -> HashGroup:
    """A picture that the model says all that it may about; another one for every `after`."""
    tiles = (tile for tile in range(14, 1000) if len(answer([1, IMAGE, 2, 1, 3], [tile], limit)) == limit)
    return scene([next(islice(tiles, after, None))], [[1]], limit)


def expected(scene: HashGroup, tiles: Sequence[int]) -> list[list[int]]:
    return [answer(writing.ids, tiles, writing.limit, writing.decoding) for writing in scene.sequences]


def said(scene: HashGroup) -> list[list[int]]:
    return [writing.output_ids for writing in scene.sequences]
