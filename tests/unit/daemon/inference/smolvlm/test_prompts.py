"""The prompts' own rules, in words; their equality with the stock processor is held by the golden cases."""

from __future__ import annotations

import pytest

from daemon.inference.smolvlm.prompts import FAKE, GLOBAL, IMAGE, Tiling, chat, clock_text, image_block, video_block


def test_an_uncut_picture_is_its_global_view_alone() -> None:
    assert image_block(Tiling(0, 0), 2) == f"{FAKE}{GLOBAL}{IMAGE}{IMAGE}{FAKE}"


def test_a_cut_picture_lists_its_tiles_row_by_row_and_ends_with_the_global_view() -> None:
    block = image_block(Tiling(2, 1), 1)
    rows = f"{FAKE}<row_1_col_1>{IMAGE}\n{FAKE}<row_2_col_1>{IMAGE}\n"
    assert block == f"{rows}\n{FAKE}{GLOBAL}{IMAGE}{FAKE}"


@pytest.mark.parametrize("tiling", [Tiling(0, 0), Tiling(1, 2), Tiling(4, 4)])
def test_there_are_as_many_image_tokens_as_the_tiles_need(tiling: Tiling) -> None:
    assert image_block(tiling, 64).count(IMAGE) == tiling.tiles * 64


@pytest.mark.parametrize(("seconds", "text"), [(0, "00:00"), (59.99, "00:59"), (61, "01:01"), (3600, "60:00")])
def test_a_frame_s_time_is_minutes_and_whole_seconds(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text


def test_a_video_says_how_many_frames_and_how_long() -> None:
    block = video_block([0.0, 3661.0], 3725.9, 1)
    assert block.startswith("You are provided the following series of two frames from a 1:02:05 [H:MM:SS] video.\n\n")
    assert f"\nFrame from 61:01:{FAKE}{GLOBAL}{IMAGE}{FAKE}\n\n" in block


def test_only_a_turn_that_begins_with_a_picture_has_no_space_after_user() -> None:
    assert chat("x", picture_first=True) == "<|im_start|>User:x<end_of_utterance>\nAssistant:"
    assert chat("x", picture_first=False) == "<|im_start|>User: x<end_of_utterance>\nAssistant:"


def test_a_system_message_comes_first() -> None:
    prompt = chat("x", picture_first=False, system="Be brief.")
    assert prompt.startswith("<|im_start|>System: Be brief.<end_of_utterance>\nUser: x")
