"""A question's files as clips, in their order; an error names its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from daemon.asking.opening import open_clips
from daemon.errors import (
    DecoderCrashedError,
    DecoderMissingError,
    GoneError,
    MediaError,
    NoAccessError,
    NotAllowedError,
    NotRegularError,
    TooLargeError,
    UnreadableError,
)
from daemon.media.clip import Clip, DecodePlan
from daemon.media.foreign.foreign_files import foreign_error
from storage.description import Media
from storage.records import Fingerprint, MediaKind

PLAN = DecodePlan(image_edge=512, frame_edge=512, frames_per_second=1.0, max_frames=8, max_bytes=1000, seconds=5.0)


def open_file(path: bytes, expected: Fingerprint, plan: DecodePlan) -> Clip:
    """A video if the name says so; its width is the file's size. Damaged files raise."""
    assert plan is PLAN
    if b"damaged" in path:
        raise UnreadableError("The file is damaged.", advice="Copy it again.")
    kind = MediaKind.VIDEO if b"clip" in path else MediaKind.IMAGE
    pixels = np.zeros((4, expected.size, 3), np.uint8)
    media = Media(kind=kind, format="mp4" if kind is MediaKind.VIDEO else "png", width=expected.size, height=4)
    return Clip(media=media, pictures=(pixels,), timestamps=(0.0,))


def files(folder: Path, *names: str) -> list[bytes]:
    for size, name in enumerate(names, 1):
        (folder / name).write_bytes(b"x" * size)
    return [bytes(folder / name) for name in names]


def test_files_are_opened_in_their_order(tmp_path: Path) -> None:
    clips = open_clips(files(tmp_path, "b.png", "a.png", "c.png"), open_file, PLAN)
    assert [clip.media.width for clip in clips] == [1, 2, 3]
    assert open_clips([], open_file, PLAN) == ()


def test_one_video_is_opened_alone(tmp_path: Path) -> None:
    (clip,) = open_clips(files(tmp_path, "clip.mp4"), open_file, PLAN)
    assert clip.is_video
    with pytest.raises(NotAllowedError, match=r"clip\.mp4: It is a video or a moving picture\.") as caught:
        open_clips(files(tmp_path, "a.png", "clip.mp4"), open_file, PLAN)
    assert caught.value.advice == "Ask about one video alone."


def test_an_error_names_its_file_and_keeps_its_advice(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match=r"damaged\.png: The file is damaged\.") as caught:
        open_clips(files(tmp_path, "a.png", "damaged.png"), open_file, PLAN)
    assert caught.value.advice == "Copy it again."
    with pytest.raises(GoneError, match=r"gone\.png: The file is no longer there\."):
        open_clips([bytes(tmp_path / "gone.png")], open_file, PLAN)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (foreign_error(b"A text."), "a picture or a video"),
        (NotAllowedError("It is a text file.", advice=foreign_error(b"A text.").advice), "a picture or a video"),
        (NotAllowedError("It is not a picture format."), "in another format"),
        (UnreadableError("The file is empty."), "an undamaged copy"),
        (NotRegularError("It is a folder."), "the video itself"),
        (TooLargeError("It has 9 bytes."), "a smaller copy"),
        (DecoderCrashedError("It crashed."), "ask again"),
        (DecoderMissingError(), "`smolwatch doctor` shows the cause."),
        (NoAccessError("Reading is not permitted.", advice="Give it permission."), "Give it permission."),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, MediaError) else "",
)
def test_every_error_has_advice_for_a_question_and_none_about_the_inbox(
    tmp_path: Path, error: MediaError, advice: str
) -> None:
    def fail(path: bytes, expected: Fingerprint, plan: DecodePlan) -> Clip:
        raise error

    with pytest.raises(type(error)) as caught:
        open_clips(files(tmp_path, "a.png"), fail, PLAN)
    assert advice in caught.value.advice
    assert "automatically" not in caught.value.advice
