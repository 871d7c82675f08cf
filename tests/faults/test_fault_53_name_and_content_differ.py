"""Fault 53: a file's name says one thing, its content another. Real."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.errors import NotAllowedError
from daemon.intake.identity import identify
from storage.records import Fingerprint, MediaKind
from tests.support.decoders import decode, decoding
from tests.support.media.media_files import grey_frames, save_image, save_sound, save_video, some_image

CONTENTS: dict[str, Callable[[Path], Path]] = {
    "jpeg": lambda folder: save_image(folder / "a.jpg", some_image()),
    "png": lambda folder: save_image(folder / "a.png", some_image()),
    "heif": lambda folder: save_image(folder / "a.heic", some_image()),
    "mp4": lambda folder: save_video(folder / "a.mp4", grey_frames(4)),
    "webm": lambda folder: save_video(folder / "a.webm", grey_frames(4)),
    "avi": lambda folder: save_video(folder / "a.avi", grey_frames(4)),
}
NAMES = ("b.jpg", "b.png", "b.mp4", "b.mov", "b.heic", "b", "b.txt")


@pytest.mark.parametrize("format", CONTENTS)
def test_the_content_decides_for_intake_and_decoder_alike(tmp_path: Path, format: str) -> None:
    path = CONTENTS[format](tmp_path)
    with decoding() as decoder:
        for name in NAMES:
            path = path.rename(tmp_path / name)
            known = identify(os.fsencode(path), Fingerprint.of(path.lstat()), max_bytes=10**9)
            clip = decode(decoder, path)
            assert known.format == clip.media.format == format
            assert known.kind is clip.media.kind
            assert clip.is_video is (known.kind is MediaKind.VIDEO)


def test_what_is_neither_is_refused_alike_under_every_name(tmp_path: Path) -> None:
    sound = save_sound(tmp_path / "a.mp4")
    with decoding() as decoder:
        for name in NAMES:
            sound = sound.rename(tmp_path / name)
            with pytest.raises(NotAllowedError, match="only sound"):
                decode(decoder, sound)
