from __future__ import annotations

import os
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from PIL import Image

from daemon.errors import MediaError, NotAllowedError, TooLargeError, UnreadableError
from daemon.media import reel, tracks
from daemon.media.clip import Clip
from daemon.media.frames import sample_indices
from storage.records import MediaKind
from tests.shapes.files import frame_number, grey_frames, save_sound, save_video, some_frames, turn_video
from tests.unit.media.reading import plan, read

SUFFIXES = ["mp4", "mov", "mkv", "webm", "avi"]


def count_shots(monkeypatch: pytest.MonkeyPatch) -> list[VideoFrame]:
    """Every frame that is decoded from here on."""
    decoded: list[VideoFrame] = []
    shot = reel.Reel._shot

    def counting(self: reel.Reel, frame: VideoFrame) -> reel.Shot:
        decoded.append(frame)
        return shot(self, frame)

    monkeypatch.setattr(reel.Reel, "_shot", counting)
    return decoded


def numbers(clip: Clip) -> list[int]:
    return [frame_number(picture) for picture in clip.pictures]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("count", [16, 24, 40, 45])
def test_the_stock_rules_frames_are_seen_under_their_own_times(tmp_path: Path, suffix: str, count: int) -> None:
    clip = read(save_video(tmp_path / f"a.{suffix}", grey_frames(count), 8))
    wanted = sample_indices(count, 8, per_second=1, max_frames=64)
    assert numbers(clip) == wanted
    assert clip.timestamps == tuple(index / 8 for index in wanted)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_facts_of_a_video_are_told(tmp_path: Path, suffix: str) -> None:
    media = read(save_video(tmp_path / f"a.{suffix}", grey_frames(24, (96, 64)), 12)).media
    assert (media.kind, media.format, media.width, media.height) == (MediaKind.VIDEO, suffix, 96, 64)
    assert (media.seconds, media.frame_rate, media.frames_seen) == (2.0, 12.0, 2)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_video_of_one_frame_is_read(tmp_path: Path, suffix: str) -> None:
    clip = read(save_video(tmp_path / f"a.{suffix}", grey_frames(1)))
    assert numbers(clip) == [0]
    assert clip.timestamps == (0.0,)


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_a_minute_is_seen_second_by_second(tmp_path: Path, suffix: str) -> None:
    frames = [frame for frame in grey_frames(30, (32, 32)) for _ in range(16)]
    clip = read(save_video(tmp_path / f"a.{suffix}", frames, 8))
    wanted = sample_indices(480, 8, per_second=1, max_frames=64)
    assert len(clip.pictures) == 60
    assert numbers(clip) == [index // 16 for index in wanted]


def test_the_times_of_a_broadcast_rate_are_exact(tmp_path: Path) -> None:
    rate = Fraction(30000, 1001)
    clip = read(save_video(tmp_path / "a.mkv", grey_frames(45), rate))
    assert clip.timestamps == (0.0, 44 / float(rate))


def test_fewer_frames_are_picked_when_the_plan_wants_fewer(tmp_path: Path) -> None:
    path = save_video(tmp_path / "a.mp4", grey_frames(48), 8)
    assert numbers(read(path, plan(max_frames=3))) == [8, 24, 40]
    assert len(read(path, plan(per_second=2)).pictures) == 12


def test_frames_are_shrunk_to_the_plans_edge(tmp_path: Path) -> None:
    clip = read(save_video(tmp_path / "a.mp4", some_frames(8, size=(320, 240))), plan(frame_edge=64))
    assert clip.pictures[0].shape == (48, 64, 3)
    assert (clip.media.width, clip.media.height) == (320, 240)


@pytest.mark.parametrize("suffix", ["mov", "mp4"])
@pytest.mark.parametrize(("degrees", "corner"), [(0, (0, 0)), (90, (0, -1)), (180, (-1, -1)), (270, (-1, 0))])
def test_a_turned_video_is_shown_upright(tmp_path: Path, suffix: str, degrees: int, corner: tuple[int, int]) -> None:
    frame = Image.new("RGB", (96, 64), "black")
    frame.paste("white", (0, 0, 32, 32))
    clip = read(turn_video(save_video(tmp_path / f"a.{suffix}", [frame] * 4), degrees))
    pixels = clip.pictures[0]
    assert (clip.media.width, clip.media.height) == ((64, 96) if degrees % 180 else (96, 64))
    assert pixels.shape == (clip.media.height, clip.media.width, 3)
    bright = {at for at in ((0, 0), (0, -1), (-1, 0), (-1, -1)) if pixels[at].mean() > 128}
    assert bright == {corner}


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_changing_frame_rate_is_followed_by_time(tmp_path: Path, suffix: str) -> None:
    times = [0, 0.1, 0.2, 2, 2.1, 5, 7, 8.5]
    clip = read(save_video(tmp_path / f"a.{suffix}", grey_frames(8), times=times))
    seen = numbers(clip)
    assert seen == sorted(set(seen)) and len(seen) >= 5
    assert clip.timestamps == pytest.approx([times[number] for number in seen], abs=0.6)
    assert clip.media.seconds == pytest.approx(8.6, abs=0.2)


def test_a_stream_of_no_stated_length_is_counted(tmp_path: Path) -> None:
    clip = read(save_video(tmp_path / "a.webm", grey_frames(24), options={"live": "1"}))
    assert numbers(clip) == [0, 11, 23]
    assert clip.media.seconds == 3.0


def test_a_fragmented_video_is_read_whole(tmp_path: Path) -> None:
    path = save_video(tmp_path / "a.mp4", grey_frames(24), options={"movflags": "frag_keyframe+empty_moov"})
    assert numbers(read(path)) == [0, 11, 23]


@pytest.mark.parametrize(
    ("suffix", "options"),
    [("mp4", {}), ("mp4", {"movflags": "frag_keyframe+empty_moov"}), ("mkv", {}), ("avi", {}), ("webm", {})],
)
@pytest.mark.parametrize("group", [30, 43])
def test_leaping_and_going_on_foot_see_the_same(
    tmp_path: Path, suffix: str, options: dict[str, str], group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [frame for frame in grey_frames(45, (32, 32)) for _ in range(20)]
    path = save_video(tmp_path / f"a.{suffix}", frames, 10, group=group, options=options)
    shown = count_shots(monkeypatch)
    leapt, leapt_cost = read(path, plan(per_second=0.2)), len(shown)
    monkeypatch.setattr(reel, "WORTH_FRAMES", 10**9)
    walked, walked_cost = read(path, plan(per_second=0.2)), len(shown) - leapt_cost
    assert leapt_cost < 0.8 * walked_cost
    assert leapt.timestamps == walked.timestamps
    assert all(np.array_equal(a, b) for a, b in zip(leapt.pictures, walked.pictures, strict=True))


def test_in_a_hurry_key_frames_are_taken_under_their_own_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_video(tmp_path / "a.mp4", grey_frames(48), 8, group=5)
    monkeypatch.setattr(reel, "HURRY_PIXELS", 64 * 48 * 9)
    monkeypatch.setattr(reel, "WORTH_FRAMES", 10**9)
    clip = read(path)
    assert len(clip.pictures) >= 4
    assert clip.timestamps == pytest.approx([number / 8 for number in numbers(clip)], abs=0.07)
    assert numbers(clip)[-1] == 45


def test_when_the_time_is_up_what_was_seen_is_used(tmp_path: Path) -> None:
    clip = read(save_video(tmp_path / "a.mp4", grey_frames(48), 8), plan(seconds=1e-9))
    assert 1 <= len(clip.pictures) < 6
    assert numbers(clip)[0] == 0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_breaks_off_gives_its_frames_up_to_there_or_a_sentence(tmp_path: Path, suffix: str) -> None:
    options = {"movflags": "faststart"} if suffix in ("mp4", "mov") else {}
    noise = [Image.effect_noise((64, 48), 80).convert("RGB") for _ in range(24)]
    path = save_video(tmp_path / f"a.{suffix}", noise, 8, options=options)
    whole = path.read_bytes()
    partial = 0
    for part in range(1, 25):
        path.write_bytes(whole[: len(whole) * part // 25])
        try:
            clip = read(path)
        except UnreadableError as error:
            assert str(error).startswith("The video")
            continue
        partial += 1
        assert 1 <= len(clip.pictures) <= 3
        assert all(a < b for a, b in pairwise(clip.timestamps))
    assert partial >= 8


def test_a_video_without_its_table_of_contents_is_refused(tmp_path: Path) -> None:
    path = save_video(tmp_path / "a.mp4", grey_frames(16))
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(UnreadableError, match="damaged or incomplete"):
        read(path)


def test_a_file_with_sound_alone_has_no_video_stream(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="no video stream"):
        read(save_sound(tmp_path / "a.mp4"))


def test_a_codec_that_is_not_on_the_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAllowedError, match="ffv1"):
        read(save_video(tmp_path / "a.mkv", grey_frames(4), codec="ffv1"))


def test_a_frame_beyond_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_video(tmp_path / "a.mp4", grey_frames(4))
    monkeypatch.setattr(tracks, "MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(TooLargeError, match="64×48"):
        read(path)


@pytest.mark.parametrize("beginning", [b"\0\0\0\x18ftypisom\0\0\0\0", b"RIFF\0\0\1\0AVI LIST", b"\x1a\x45\xdf\xa3webm"])
def test_rubbish_is_refused_with_a_sentence(tmp_path: Path, beginning: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(beginning + np.random.default_rng(1).bytes(5000))
    with pytest.raises(UnreadableError, match="video"):
        read(path)


def test_a_list_of_other_files_opens_none_of_them(tmp_path: Path) -> None:
    """Even past the sniffing: FFmpeg has one descriptor, and no way to another."""
    secret = save_video(tmp_path / "secret.mp4", grey_frames(4))
    path = tmp_path / "list.mp4"
    for text in (f"ffconcat version 1.0\nfile {secret.name}\n", f"#EXTM3U\n#EXTINF:1,\n{secret}\n"):
        path.write_text(text)
        fd = os.open(path, os.O_RDONLY)
        try:
            with pytest.raises(av.FFmpegError), tracks.opened(fd):
                pytest.fail("it was opened")
        finally:
            os.close(fd)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damage_anywhere_is_either_survived_or_told(tmp_path: Path, suffix: str) -> None:
    path = save_video(tmp_path / f"a.{suffix}", some_frames(16, size=(64, 48)))
    whole = path.read_bytes()
    rng = np.random.default_rng(7)
    for _ in range(40):
        content = bytearray(whole)
        for at in rng.integers(0, len(content), 8):
            content[at] = rng.integers(0, 256)
        path.write_bytes(content)
        try:
            assert 1 <= len(read(path, plan(seconds=10)).pictures) <= 64
        except MediaError as error:
            assert str(error).endswith(".")
