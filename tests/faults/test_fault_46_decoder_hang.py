"""Fault 46: the decoder process hangs in a file, deaf to SIGTERM. Real."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from daemon.errors import DecoderHungError
from daemon.media.decoder import decoder_process
from tests.fakes.readers import scripted
from tests.support.clips import plan
from tests.support.decoders import command_file, decode, decoding, is_running, pid_of
from tests.support.media.media_files import save_image, some_image


@pytest.mark.parametrize(("word", "grace"), [("hang", 0.0), ("deaf", 0.5)])
def test_a_hang_is_ended_at_the_deadline_and_costs_the_one_file(
    tmp_path: Path, word: str, grace: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert decoder_process.GRACE_SECONDS == 3
    monkeypatch.setattr(decoder_process, "GRACE_SECONDS", 0.5)
    photo = save_image(tmp_path / "photo.png", some_image(1, (64, 48)))
    with decoding(scripted) as decoder:
        pid = pid_of(decoder, tmp_path)
        began = time.monotonic()
        with pytest.raises(DecoderHungError, match="longer than"):
            decode(decoder, command_file(tmp_path, word), plan(seconds=0.5))
        assert 0.5 + grace <= time.monotonic() - began < 3
        assert not is_running(pid)
        assert decode(decoder, photo).media.width == 64


def test_the_time_that_a_file_has_grows_with_its_size_up_to_twice(tmp_path: Path) -> None:
    large = command_file(tmp_path, "deaf")
    with large.open("ab") as file:
        file.truncate(100_000_000)
    with decoding(scripted) as decoder, pytest.raises(DecoderHungError, match="longer than 1 seconds"):
        decode(decoder, large, plan(seconds=0.5))
