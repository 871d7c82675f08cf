"""Mistakes that give wrong answers without an error: each one, planted, changes an answer that other tests compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from daemon.inference.mlx import attention, text_model, vision_model
from daemon.inference.mlx.model_runner import MlxRunner
from daemon.inference.smolvlm.processor import Floats
from tests.support.checkpoints import write_tiny_checkpoint

CPU = mx.Device(mx.cpu)
TEXT_ONLY = (7, 8, 9, 10)
TILES = list(np.random.default_rng(0).standard_normal((1, 3, 64, 64), np.float32))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


def new_runner(checkpoint: Path) -> MlxRunner:
    return MlxRunner.from_folder(checkpoint, CPU, mx.float32)


def scores_of(runner: MlxRunner) -> Floats:
    """Of a prompt about a picture, prefilled in two pieces beside a shorter one, and of a decode step of both."""
    (features,) = runner.encode_images(TILES)
    ids = [1, *[runner._image_id] * len(features), 9, 10]
    long, short = runner.add(ids, [features], 32), runner.add(TEXT_ONLY, (), 32)
    runner.prefill_scores([(long, 4)])
    prefilled = runner.prefill_scores([(long, len(ids) - 4), (short, len(TEXT_ONLY))])
    decoded = runner.decode_scores([long, short], [11, 12])
    found = np.stack([runner.on_host(step) for step in (prefilled, decoded)])
    runner.free(long)
    runner.free(short)
    return found


def without_positions(runner: MlxRunner) -> None:
    runner._vision._positions = mx.zeros_like(runner._vision._positions)


def with_another_rope_base(runner: MlxRunner) -> None:
    """The one that other programs fall back to."""
    runner._text.shape = replace(runner._text.shape, rope_base=1e6)


Mutation = Callable[[pytest.MonkeyPatch, MlxRunner], None]


def shuffle_pixels_wrongly(patch: pytest.MonkeyPatch, _: MlxRunner) -> None:
    """Rows and columns of the joined patches exchanged."""

    def wrong(hidden: mx.array, merge: int) -> mx.array:
        tiles, patches, width = hidden.shape
        side = int(patches**0.5)
        cut = hidden.reshape(tiles, side // merge, merge, side // merge, merge, width)
        return cut.transpose(0, 1, 3, 4, 2, 5).reshape(tiles, (side // merge) ** 2, -1)

    patch.setattr(vision_model, "pixel_shuffle", wrong)


def shift_positions(patch: pytest.MonkeyPatch, _: MlxRunner) -> None:
    """Every second token is one place off."""
    rotate = text_model.rotate
    patch.setattr(
        text_model,
        "rotate",
        lambda heads, positions, base: rotate(heads, positions + (mx.arange(len(positions)) % 2), base),
    )


def rotate_all_rows_like_the_first(patch: pytest.MonkeyPatch, _: MlxRunner) -> None:
    """What Metal did for one offset and several rows (mlx#3494)."""
    rotate = text_model.rotate
    patch.setattr(
        text_model,
        "rotate",
        lambda heads, positions, base: rotate(heads, mx.full(positions.shape, positions[0], mx.int32), base),
    )


def ignore_masks_in_decode(patch: pytest.MonkeyPatch, _: MlxRunner) -> None:
    made = attention.DecodeAttention.__init__

    def init(self: attention.DecodeAttention, keys: object, values: object, positions: mx.array) -> None:
        made(self, keys, values, positions)  # type: ignore[arg-type]
        self._masks = [mx.ones_like(mask) for mask in self._masks]

    patch.setattr(attention.DecodeAttention, "__init__", init)


def see_one_key_fewer(patch: pytest.MonkeyPatch, _: MlxRunner) -> None:
    """A later piece of a prompt without the last token before it."""
    patch.setattr(attention.PrefillSegment, "start", property(lambda segment: max(0, segment.slot.length - 1)))
    patch.setattr(
        attention.PrefillSegment,
        "end",
        property(lambda segment: max(0, segment.slot.length - 1) + segment.last - segment.first),
    )


MUTATIONS: dict[str, Mutation] = {
    "rope base": lambda _, runner: with_another_rope_base(runner),
    "position embedding": lambda _, runner: without_positions(runner),
    "pixel shuffle": shuffle_pixels_wrongly,
    "offset": shift_positions,
    "offset of the first row": rotate_all_rows_like_the_first,
    "pad mask": ignore_masks_in_decode,
    "place in the cache": see_one_key_fewer,
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_planted_mistake_changes_the_scores(checkpoint: Path, monkeypatch: pytest.MonkeyPatch, mutation: str) -> None:
    """By far more than rounding: the comparison with transformers, token for token, cannot miss it."""
    expected, runner = scores_of(new_runner(checkpoint)), new_runner(checkpoint)
    np.testing.assert_allclose(scores_of(runner), expected, atol=1e-5)
    MUTATIONS[mutation](monkeypatch, runner)
    off = np.abs(scores_of(runner) - expected).max()
    assert off > 0.01 * expected.std()
