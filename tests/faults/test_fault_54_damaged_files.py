"""Fault 54: files that are cut off, empty, or lie about what is in them. Real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.errors import MediaError, NotAllowedError, UnreadableError
from daemon.media.decoder.decoder import Decoder
from tests.support.broken_files import truncations, with_bad_tags, with_duration, without_frames, without_times
from tests.support.clips import plan
from tests.support.decoders import decode, decoding
from tests.support.media.media_files import frame_number, grey_frames, save_image, save_sound, save_video, some_image


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    with decoding() as made:
        yield made


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".bmp", ".tiff", ".heic"])
def test_a_picture_cut_off_anywhere_is_refused_with_a_sentence(decoder: Decoder, tmp_path: Path, suffix: str) -> None:
    path = save_image(tmp_path / f"a{suffix}", some_image(5, (200, 150)))
    for content in truncations(path.read_bytes()):
        path.write_bytes(content)
        with pytest.raises(MediaError, match=r"\.$") as caught:
            decode(decoder, path)
        assert caught.value.code in ("unreadable", "not-allowed")


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".avi"])
def test_a_video_cut_off_anywhere_gives_its_frames_up_to_there_or_a_sentence(
    decoder: Decoder, tmp_path: Path, suffix: str
) -> None:
    path = save_video(tmp_path / f"a{suffix}", grey_frames(48), group=4)
    lasts = []
    for content in truncations(path.read_bytes()):
        path.write_bytes(content)
        try:
            frames = [frame_number(frame) for frame in decode(decoder, path).pictures]
            assert frames == sorted(frames)
            assert all(0 <= frame < 48 for frame in frames)
            lasts.append(frames[-1])
        except UnreadableError as error:
            assert str(error).endswith(".")
    assert lasts == sorted(lasts)
    if suffix in (".mkv", ".webm", ".avi"):
        assert len(lasts) > 8, "these can be read as far as they came"


def test_an_mp4_that_was_written_in_fragments_is_read_as_far_as_it_came(decoder: Decoder, tmp_path: Path) -> None:
    options = {"movflags": "frag_keyframe+empty_moov"}
    path = save_video(tmp_path / "a.mp4", grey_frames(48), group=4, options=options)
    contents = list(truncations(path.read_bytes()))
    path.write_bytes(contents[len(contents) // 2])
    assert 1 <= len(decode(decoder, path).pictures) < 6


def test_an_empty_file_is_refused(decoder: Decoder, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.touch()
    with pytest.raises(UnreadableError, match="empty"):
        decode(decoder, path)


def test_sound_alone_is_none_of_ours(decoder: Decoder, tmp_path: Path) -> None:
    with pytest.raises(NotAllowedError, match="only sound"):
        decode(decoder, save_sound(tmp_path / "a.mp4"))


def test_a_video_of_no_frames_is_refused(decoder: Decoder, tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="damaged or incomplete"):
        decode(decoder, without_frames(tmp_path / "a.mp4"))


def test_a_video_without_its_table_of_contents_is_refused(decoder: Decoder, tmp_path: Path) -> None:
    path = save_video(tmp_path / "a.mp4", grey_frames(16))
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"moov") - 4])
    with pytest.raises(UnreadableError, match="damaged or incomplete"):
        decode(decoder, path)


def test_tags_in_no_known_encoding_are_no_obstacle(decoder: Decoder, tmp_path: Path) -> None:
    assert len(decode(decoder, with_bad_tags(tmp_path / "a.mp4")).pictures) == 4


def test_packets_without_times_are_shown_in_their_order(decoder: Decoder, tmp_path: Path) -> None:
    clip = decode(decoder, without_times(tmp_path / "a.avi"), plan(per_second=4))
    frames = [frame_number(frame) for frame in clip.pictures]
    assert frames == sorted(set(frames))
    assert len(frames) == 8


@pytest.mark.parametrize("seconds", [0, 10**9])
def test_a_length_that_cannot_be_is_not_believed(decoder: Decoder, tmp_path: Path, seconds: int) -> None:
    clip = decode(decoder, with_duration(tmp_path / "a.mp4", seconds), plan(seconds=10))
    assert clip.media.seconds == pytest.approx(3.0, abs=0.2)
    assert [frame_number(frame) for frame in clip.pictures] == [0, 11, 23]
