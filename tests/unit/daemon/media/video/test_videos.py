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

from daemon.errors import MediaError, TooLargeError, UnreadableError
from daemon.media.clip import CUT_SHORT, DAMAGED, Clip
from daemon.media.sampling import sample_indices
from daemon.media.sniff import video
from daemon.media.video import containers, frame_seeker, track_selection, videos
from daemon.media.video.containers import CODECS, DEMUXERS
from daemon.media.video.duration import Duration
from storage.records import MediaKind
from tests.support.clips import plan, read
from tests.support.media.media_files import frame_number, grey_frames, save_video, some_frames, turn_video
from tests.support.media.track_kinds import CONTAINERS, FORMATS, TAPE, TELEVISION, Beside, Film, save_film, save_films

#: So that the pictures come last.
FASTSTART = {".mp4": {"movflags": "faststart"}}
SUFFIXES = ["mp4", "mov", "mkv", "webm", "avi"]


def count_shots(monkeypatch: pytest.MonkeyPatch) -> list[VideoFrame]:
    """All frames that are decoded from here on."""
    decoded: list[VideoFrame] = []
    shot = frame_seeker.FrameSeeker._timed

    def counting(self: frame_seeker.FrameSeeker, frame: VideoFrame) -> frame_seeker.SeekedFrame:
        decoded.append(frame)
        return shot(self, frame)

    monkeypatch.setattr(frame_seeker.FrameSeeker, "_timed", counting)
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
def test_the_facts_of_a_video_are_reported(tmp_path: Path, suffix: str) -> None:
    media = read(save_video(tmp_path / f"a.{suffix}", grey_frames(24, (96, 64)), 12)).media
    assert (media.kind, media.format, media.width, media.height) == (MediaKind.VIDEO, suffix, 96, 64)
    assert (media.seconds, media.frame_rate, media.frames_seen) == (2.0, 12.0, 2)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_video_of_one_frame_is_read(tmp_path: Path, suffix: str) -> None:
    clip = read(save_video(tmp_path / f"a.{suffix}", grey_frames(1)))
    assert numbers(clip) == [0]
    assert clip.timestamps == (0.0,)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("count", "shown"), [(12, [0, 3, 7, 11]), (24, [0, 7, 15, 23]), (34, [0, 11, 22, 33])])
def test_a_very_short_clip_is_seen_more_than_once(tmp_path: Path, suffix: str, count: int, shown: list[int]) -> None:
    clip = read(save_video(tmp_path / f"a.{suffix}", grey_frames(count), 24))
    assert numbers(clip) == shown
    assert clip.timestamps == tuple(number / 24 for number in shown)
    assert clip.media.seconds == pytest.approx(count / 24, abs=1e-6)


@pytest.mark.parametrize("frames", [48, 800])
def test_where_the_film_ends_before_its_estimate_it_is_planned_once_more(
    tmp_path: Path, frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_video(tmp_path / "a.mkv", grey_frames(24), 8)
    monkeypatch.setattr(videos, "measure", lambda *_: Duration(frames=frames, rate=8, estimated=True))
    clip = read(path)
    assert numbers(clip) == [0, 11, 23]
    assert clip.media.seconds == 3.0


def test_a_length_that_was_measured_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If frames at the end cannot be decoded, the packets determine the duration."""
    path = save_video(tmp_path / "a.mkv", grey_frames(24), 8)
    monkeypatch.setattr(videos, "measure", lambda *_: Duration(frames=48, rate=8))
    assert read(path).media.seconds == 6.0


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_a_minute_is_seen_second_by_second(tmp_path: Path, suffix: str) -> None:
    frames = [frame for frame in grey_frames(30, (32, 32)) for _ in range(16)]
    clip = read(save_video(tmp_path / f"a.{suffix}", frames, 8))
    wanted = sample_indices(480, 8, per_second=1, max_frames=64)
    assert len(clip.pictures) == 60
    assert numbers(clip) == [index // 16 for index in wanted]


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_frames_of_an_avi_are_shown_in_order_however_they_are_stored(tmp_path: Path, codec: str) -> None:
    path = save_video(tmp_path / "a.avi", grey_frames(24), 8, codec)
    clip = read(path, plan(per_second=8))
    assert numbers(clip) == [*range(24)]
    assert clip.timestamps == tuple(k / 8 for k in range(24))


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
def test_a_rotated_video_is_shown_upright(tmp_path: Path, suffix: str, degrees: int, corner: tuple[int, int]) -> None:
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
def test_seeking_and_decoding_all_give_the_same_frames(
    tmp_path: Path, suffix: str, options: dict[str, str], group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [frame for frame in grey_frames(45, (32, 32)) for _ in range(20)]
    path = save_video(tmp_path / f"a.{suffix}", frames, 10, group=group, options=options)
    shown = count_shots(monkeypatch)
    leapt, leapt_cost = read(path, plan(per_second=0.2)), len(shown)
    monkeypatch.setattr(frame_seeker, "MIN_SKIPPED_FRAMES", 10**9)
    walked, walked_cost = read(path, plan(per_second=0.2)), len(shown) - leapt_cost
    assert leapt_cost < 0.8 * walked_cost
    assert leapt.timestamps == walked.timestamps
    assert all(np.array_equal(a, b) for a, b in zip(leapt.pictures, walked.pictures, strict=True))


def test_in_a_hurry_key_frames_are_taken_under_their_own_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_video(tmp_path / "a.mp4", grey_frames(48), 8, group=5)
    monkeypatch.setattr(frame_seeker, "MAX_FULL_DECODE_PIXELS", 64 * 48 * 9)
    monkeypatch.setattr(frame_seeker, "MIN_SKIPPED_FRAMES", 10**9)
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
        assert 1 <= len(clip.pictures) <= 4
        assert clip.media.seconds is not None and clip.timestamps[-1] < clip.media.seconds <= 3
        assert all(a < b for a, b in pairwise(clip.timestamps))
    assert partial >= 8


def test_a_video_without_its_table_of_contents_is_refused(tmp_path: Path) -> None:
    path = save_video(tmp_path / "a.mp4", grey_frames(16))
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(UnreadableError, match="damaged or incomplete"):
        read(path)


def test_a_frame_beyond_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_video(tmp_path / "a.mp4", grey_frames(4))
    monkeypatch.setattr(track_selection, "MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(TooLargeError, match="64×48"):
        read(path)


@pytest.mark.parametrize("beginning", [b"\0\0\0\x18ftypisom\0\0\0\0", b"RIFF\0\0\1\0AVI LIST", b"\x1a\x45\xdf\xa3webm"])
def test_rubbish_is_refused_with_a_sentence(tmp_path: Path, beginning: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(beginning + np.random.default_rng(1).bytes(5000))
    with pytest.raises(UnreadableError, match="video"):
        read(path)


@pytest.mark.parametrize("format", DEMUXERS)
def test_a_list_of_other_files_opens_none_of_them(tmp_path: Path, format: str) -> None:
    """Even after passing `sniff`: FFmpeg has one descriptor, no other protocol, and one demuxer."""
    secret = save_video(tmp_path / "secret.mp4", grey_frames(4))
    path = tmp_path / "list.mp4"
    for text in (f"ffconcat version 1.0\nfile {secret.name}\n", f"#EXTM3U\n#EXTINF:1,\n{secret}\n"):
        path.write_text(text)
        fd = os.open(path, os.O_RDONLY)
        try:
            with containers.open_container(fd, video(format)) as container:
                assert not any(stream.codec_context.width for stream in container.streams.video)
        except av.FFmpegError:
            continue
        finally:
            os.close(fd)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damage_anywhere_is_either_tolerated_or_reported(tmp_path: Path, suffix: str) -> None:
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


#: The pixels of H.263 are 12 to 11 wide, those of a tape in PAL 16 to 15.
SHOWN = {".3gp": (140, 96), ".dv": (768, 576)}


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_every_container_is_read_with_its_facts(tmp_path: Path, suffix: str) -> None:
    size, rate = TAPE if suffix == ".dv" else (128, 96), 25 if suffix in TELEVISION else 8
    film = Film(frames=grey_frames(24, size), fps=rate)
    clip = read(save_films(tmp_path / f"a{suffix}", [film]), plan(per_second=4))
    media = clip.media
    assert (media.kind, media.format) == (MediaKind.VIDEO, FORMATS[suffix])
    assert (media.width, media.height) == SHOWN.get(suffix, size)
    assert media.frame_rate == rate
    assert media.seconds == pytest.approx(24 / rate, abs=0.2)
    assert numbers(clip) == [round(at * rate) for at in clip.timestamps]
    assert numbers(clip)[0] == 0 and numbers(clip)[-1] >= 20
    assert clip.defects == ()


#: An encoder that PyAV has, a container, and a size and rate that both can hold.
CODEC_FILES = [
    ("h263", ".3gp", (176, 144), 8),
    ("dvvideo", ".avi", (720, 576), 25),
    ("dvvideo", ".mov", (720, 576), 25),
    ("msmpeg4v2", ".avi", (64, 48), 8),
    ("msmpeg4", ".avi", (64, 48), 8),
    ("wmv1", ".wmv", (64, 48), 8),
    ("wmv2", ".wmv", (64, 48), 8),
    ("mpeg1video", ".mpg", (64, 48), 25),
    ("mpeg2video", ".ts", (64, 48), 25),
    ("mpeg2video", ".mkv", (64, 48), 25),
    ("mpeg4", ".mp4", (64, 48), 8),
    ("flv", ".flv", (64, 48), 8),
    ("flashsv", ".flv", (64, 48), 8),
    ("flashsv2", ".flv", (64, 48), 8),
    ("qtrle", ".mov", (64, 48), 8),
    ("rawvideo", ".avi", (64, 48), 8),
    ("dnxhd", ".mxf", (256, 128), 25),
    ("dnxhd", ".mov", (256, 128), 25),
    ("cinepak", ".avi", (64, 48), 8),
    ("svq1", ".mov", (64, 48), 8),
    ("ffv1", ".mkv", (64, 48), 8),
    ("huffyuv", ".avi", (64, 48), 8),
    ("ffvhuff", ".avi", (64, 48), 8),
    ("utvideo", ".avi", (64, 48), 8),
    ("magicyuv", ".avi", (64, 48), 8),
    ("jpeg2000", ".mxf", (64, 48), 25),
    ("prores", ".mov", (64, 48), 8),
    ("cfhd", ".mov", (64, 48), 8),
    ("png", ".mov", (64, 48), 8),
    ("v210", ".mov", (64, 48), 8),
    ("v308", ".mov", (64, 48), 8),
    ("v410", ".mov", (64, 48), 8),
    ("r210", ".mov", (64, 48), 8),
    ("r10k", ".mov", (64, 48), 8),
    ("rpza", ".mov", (64, 48), 8),
    ("msvideo1", ".avi", (64, 48), 8),
    ("libx264", ".ts", (64, 48), 8),
    ("libvpx", ".ogv", (64, 48), 8),
    ("libvpx-vp9", ".mp4", (64, 48), 8),
    ("libsvtav1", ".mp4", (64, 64), 8),
    ("libsvtav1", ".mkv", (64, 64), 8),
]


@pytest.mark.parametrize(("codec", "suffix", "size", "rate"), CODEC_FILES)
def test_every_codec_is_decoded(tmp_path: Path, codec: str, suffix: str, size: tuple[int, int], rate: int) -> None:
    options = (("profile", "dnxhr_lb"),) if codec == "dnxhd" else ()
    film = Film(frames=grey_frames(24, size), codec=codec, fps=rate, options=options)
    clip = read(save_films(tmp_path / f"a{suffix}", [film]), plan(per_second=4))
    wanted = [round(at * rate) for at in clip.timestamps]
    assert len(wanted) >= 3
    assert numbers(clip) == pytest.approx(wanted, abs=2 if codec in ("rpza", "msvideo1") else 1)
    assert clip.defects == ()


def test_the_list_of_codecs_is_of_decoders_that_are_here() -> None:
    assert {name for name in CODECS if name not in av.codecs_available} <= {"av1", "libdav1d"}
    assert {*FORMATS.values(), "heif"} == set(DEMUXERS)


@pytest.mark.parametrize("first", [b"free", b"skip", b"wide", b"uuid"])
@pytest.mark.parametrize("suffix", ["mov", "mp4"])
def test_small_boxes_in_front_are_no_obstacle(tmp_path: Path, first: bytes, suffix: str) -> None:
    movflags = "frag_keyframe+empty_moov+default_base_moof"  # which can be moved
    path = save_video(tmp_path / f"a.{suffix}", grey_frames(24), options={"movflags": movflags})
    path.write_bytes(b"\0\0\0\x18" + first + bytes(16) + path.read_bytes())
    assert numbers(read(path)) == [0, 11, 23]


def smeared(path: Path, *, start: float = 0.4, end: float = 0.6) -> Path:
    """A part of the file's video data filled with zeros."""
    content = bytearray(path.read_bytes())
    pictures = max(content.find(b"mdat"), 0)
    first, last = (round(pictures + (len(content) - pictures) * part) for part in (start, end))
    content[first:last] = bytes(last - first)
    path.write_bytes(content)
    return path


def noise(count: int) -> list[Image.Image]:
    """The left half is black in the first half of the video and white in the second."""
    rng = np.random.default_rng(5)
    frames = [Image.fromarray(rng.integers(90, 170, (96, 128), np.uint8)).convert("RGB") for _ in range(count)]
    for number, frame in enumerate(frames):
        frame.paste("black" if number < count // 2 else "white", (0, 0, 64, 96))
    return frames


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".avi", ".ts", ".mpg", ".flv", ".wmv", ".mxf"])
def test_a_lost_middle_is_reported_and_its_damaged_frames_are_not_used(tmp_path: Path, suffix: str) -> None:
    """A guessed picture between black and white is neither. VP8's decoder does not report a damaged frame itself."""
    path = save_films(tmp_path / f"a{suffix}", [Film(frames=noise(75), fps=25)], options=FASTSTART.get(suffix))
    clip = read(smeared(path), plan(per_second=25, max_frames=75))
    assert DAMAGED in clip.defects
    assert 10 <= len(clip.pictures) < 75
    left = [pixels[8:88, 8:56].mean() for pixels in clip.pictures]
    assert sum(24 <= brightness <= 231 for brightness in left) <= (suffix == ".webm")
    assert left == sorted(left)


def test_damage_between_key_frames_spoils_what_builds_on_it(tmp_path: Path) -> None:
    path = save_video(tmp_path / "a.mp4", noise(48), 8, group=48, options=FASTSTART[".mp4"])
    clip = read(smeared(path), plan(per_second=8))
    assert clip.defects == (DAMAGED,)
    assert 1 < max(clip.timestamps) < 4


def test_room_that_was_made_for_a_film_is_not_shown(tmp_path: Path) -> None:
    path = save_video(tmp_path / "a.mp4", noise(48), 8, group=4, options=FASTSTART[".mp4"])
    clip = read(smeared(path, start=0.5, end=1), plan(per_second=8))
    assert CUT_SHORT in clip.defects
    assert 1 < max(clip.timestamps) < 4.5


@pytest.mark.parametrize("suffix", [".ts", ".mts", ".mpg"])
def test_films_joined_end_to_end_are_not_damaged(tmp_path: Path, suffix: str) -> None:
    path = save_film(tmp_path / f"a{suffix}", grey_frames(24, (128, 96)))
    path.write_bytes(path.read_bytes() * 2)
    assert read(path, plan(per_second=25)).defects == ()


def test_a_video_of_nothing_but_damage_is_refused(tmp_path: Path) -> None:
    path = save_video(tmp_path / "a.mp4", some_frames(16, size=(64, 48)))
    content = bytearray(path.read_bytes())
    start, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    content[start:end] = np.random.default_rng(3).bytes(end - start)
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match="damaged or incomplete"):
        read(path)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_refusals_are_sentences_and_a_librarys_words_are_apart(tmp_path: Path, suffix: str) -> None:
    path = save_film(tmp_path / f"a{suffix}", grey_frames(8))
    path.write_bytes(path.read_bytes()[:120].ljust(4000, b"\xff"))
    with pytest.raises(UnreadableError) as refusal:
        read(path)
    assert str(refusal.value) == "The video is damaged or incomplete."
    assert refusal.value.detail


def test_sound_and_subtitles_are_no_defects(tmp_path: Path) -> None:
    beside = Beside(sounds=2, subtitles=("mov_text",), cover=True, chapters=True, timecode=True)
    clip = read(save_films(tmp_path / "a.mov", [Film(frames=grey_frames(24))], beside))
    assert (numbers(clip), clip.defects) == ([0, 11, 23], ())
