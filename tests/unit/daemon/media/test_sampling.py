from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.smolvlm.image_processing_pil_smolvlm import get_resize_output_image_size

from daemon.media.sampling import SHORT_FRAMES, fit_edge, frame_indices, resize, sample_indices, shrink
from tests.support.checkout import ROOT

GOLDEN = ROOT / "tests" / "data" / "golden_processor.json"
SAMPLING = json.loads(GOLDEN.read_text())["sampling"]
SIDES = st.integers(1, 9000)


@pytest.mark.parametrize("case", SAMPLING, ids=lambda case: f"{case['total_num_frames']}@{case['fps']:g}")
def test_frames_are_picked_as_the_stock_processor_picks_them(case: dict[str, Any]) -> None:
    picked = sample_indices(case["total_num_frames"], case["fps"], per_second=1, max_frames=64)
    assert picked == case["indices"]


@given(st.integers(1, 500_000), st.floats(0.01, 240), st.floats(0.1, 4), st.integers(1, 64))
def test_picked_frames_exist_and_rise(total: int, fps: float, per_second: float, most: int) -> None:
    picked = sample_indices(total, fps, per_second=per_second, max_frames=most)
    assert 1 <= len(picked) <= most
    assert picked == sorted(set(picked))
    assert picked[0] >= 0 and picked[-1] < total


@given(st.integers(1, 500_000), st.floats(0.01, 240), st.floats(0.1, 4), st.integers(1, 64))
def test_a_clip_that_the_rule_sees_more_than_once_is_seen_by_the_rule(
    total: int, fps: float, per_second: float, most: int
) -> None:
    stock = sample_indices(total, fps, per_second=per_second, max_frames=most)
    chosen = frame_indices(total, fps, per_second=per_second, max_frames=most)
    if len(stock) > 1 or most == 1:
        assert chosen == stock
    else:
        assert len(chosen) == min(total, most, SHORT_FRAMES)


@pytest.mark.parametrize(
    ("total", "chosen"),
    [(1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (12, [0, 3, 7, 11]), (34, [0, 11, 22, 33]), (36, [0, 35])],
)
def test_of_a_clip_under_a_second_and_a_half_up_to_four_frames_are_seen(total: int, chosen: list[int]) -> None:
    assert frame_indices(total, 24, per_second=1, max_frames=64) == chosen


@given(SIDES, SIDES, st.sampled_from([64, 364, 512, 1024, 1536, 2048, 4096, 5000]))
def test_the_longest_edge_is_fitted_as_the_stock_processor_fits_it(width: int, height: int, edge: int) -> None:
    stock = get_resize_output_image_size(np.broadcast_to(np.uint8(0), (3, height, width)), resolution_max_side=edge)
    assert fit_edge(width, height, edge) == (stock[1], stock[0])


def test_a_picture_that_is_small_enough_is_left_as_it_is() -> None:
    pixels = np.zeros((40, 50, 3), np.uint8)
    assert shrink(pixels, 50) is pixels


def test_a_larger_picture_is_shrunk_in_proportion() -> None:
    assert shrink(np.zeros((300, 600, 3), np.uint8), 200).shape == (100, 200, 3)


def test_shrinking_first_changes_nothing_of_what_fits_afterwards() -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (333, 777, 3), np.uint8)
    shrunk = shrink(pixels, 512)
    assert np.array_equal(resize(shrunk, fit_edge(shrunk.shape[1], shrunk.shape[0], 512)), shrunk)
