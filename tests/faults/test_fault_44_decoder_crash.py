"""Fault 44: the decoder process dies of a file (SIGSEGV, abort, exit). Real."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from daemon.errors import DecoderCrashedError
from tests.fakes.readers import scripted
from tests.support.decoders import command_file, decode, decoding
from tests.support.media.media_files import save_image, some_image


@pytest.mark.parametrize(
    ("word", "sign"), [("crash", "signal 11, SIGSEGV"), ("abort", "signal 6, SIGABRT"), ("exit", "exit code 3")]
)
def test_a_crash_costs_the_one_file_and_the_next_is_open_within_five_seconds(
    tmp_path: Path, word: str, sign: str
) -> None:
    photo = save_image(tmp_path / "photo.png", some_image(1, (64, 48)))
    with decoding(scripted) as decoder:
        with pytest.raises(DecoderCrashedError, match="decoder crashed on this file") as caught:
            decode(decoder, command_file(tmp_path, word))
        assert caught.value.detail == sign
        began = time.monotonic()
        assert decode(decoder, photo).media.width == 64
        assert time.monotonic() - began < 5
