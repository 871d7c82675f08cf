"""Fault 45: the decoder process is killed for want of memory, or reaches its limit. Real (SIGKILL, RLIMIT_AS)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from daemon.errors import OutOfMemoryError
from daemon.media.decoder import decoder_process
from daemon.retry_policy import Action, Failure, decide
from tests.fakes.clock import START
from tests.fakes.readers import no_sandbox, scripted
from tests.support.clips import plan
from tests.support.decoders import command_file, decode, decoding
from tests.support.media.media_files import save_image, some_image


def test_what_kills_the_decoder_is_tried_once_more_for_less(tmp_path: Path) -> None:
    with decoding(scripted) as decoder:
        clip = decode(decoder, command_file(tmp_path, "greedy"), plan(image_edge=800))
    assert clip.pictures[0].shape[1] == 400


def test_what_kills_it_twice_is_given_up_and_the_next_file_is_opened(tmp_path: Path) -> None:
    photo = save_image(tmp_path / "photo.png", some_image(1, (64, 48)))
    with decoding(scripted) as decoder:
        with pytest.raises(OutOfMemoryError, match="probably because memory ran out") as caught:
            decode(decoder, command_file(tmp_path, "killed"))
        assert decode(decoder, photo).media.width == 64
    failure = Failure(cause=caught.value.cause, code=caught.value.code, attempts=1, max_attempts=3)
    assert decide(failure, START, lambda: 0.5).action is Action.FAIL


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces a limit on memory (RLIMIT_AS)")
def test_the_decoder_gets_no_more_memory_than_its_limit_and_lives_on(tmp_path: Path) -> None:
    with decoding(scripted) as decoder:
        with pytest.raises(OutOfMemoryError, match="more memory than is available"):
            decode(decoder, command_file(tmp_path, "hoard"))
        assert decoder.sandbox()


def test_where_the_system_holds_no_limit_the_parent_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_process, "MEMORY_BYTES", 50 * 1024**2)
    with (
        decoding(scripted, no_sandbox) as decoder,
        pytest.raises(OutOfMemoryError, match="memory than the limit for one file"),
    ):
        decode(decoder, command_file(tmp_path, "swell"))
