"""Sequence groups for the hash model: pictures first, then the question, as in the stock prompt."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from daemon.inference.batch.sequence import SequenceGroup, TokenSequence
from tests.fakes.batch_runner import IMAGE, expected_output

HashGroup = SequenceGroup[int, str]


def make_group(tiles: Sequence[int], questions: Sequence[Sequence[int]], max_tokens: int = 6) -> HashGroup:
    """Every tile has one image position; the questions share all tokens before them."""
    head = [1, *[IMAGE] * len(tiles), 2]
    return SequenceGroup(
        tiles, range(len(tiles)), [TokenSequence([*head, *question, 3], max_tokens) for question in questions]
    )


def long_winded(max_tokens: int, *, after: int = 0) -> HashGroup:
    """A picture whose answer runs to `max_tokens`; another one for every `after`."""
    tiles = (
        tile for tile in range(14, 1000) if len(expected_output([1, IMAGE, 2, 1, 3], [tile], max_tokens)) == max_tokens
    )
    return make_group([next(islice(tiles, after, None))], [[1]], max_tokens)


def expected_outputs(group: HashGroup, tiles: Sequence[int]) -> list[list[int]]:
    return [
        expected_output(sequence.prompt_ids, tiles, sequence.max_tokens, sequence.sampling)
        for sequence in group.sequences
    ]


def outputs(group: HashGroup) -> list[list[int]]:
    return [sequence.output_ids for sequence in group.sequences]
