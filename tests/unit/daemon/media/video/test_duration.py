from __future__ import annotations

import struct
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from daemon.errors import UnreadableError
from daemon.media.video import duration, packet_counter
from daemon.media.video.packet_counter import MAX_SECONDS
from tests.support.clips import read
from tests.support.media.media_files import grey_frames, save_video
from tests.support.media.mp4_boxes import Edit, edit_video
from tests.support.video_frames import duration_of, frames_seen, sample_timestamps

#: Where Matroska says how long the segment is: its identifier, and that eight bytes follow.
DURATION = b"\x44\x89\x88"
#: When a clock of 33 bits, 90,000 a second, begins anew.
WRAP_SECONDS = 2**33 / 90_000


def say_length(path: Path, seconds: float) -> Path:
    """Set the duration in a Matroska file's header."""
    content = bytearray(path.read_bytes())
    at = content.index(DURATION) + len(DURATION)
    content[at : at + 8] = struct.pack(">d", 1000 * seconds)
    path.write_bytes(content)
    return path


def broadcast(path: Path, frames: int, *, begins: float = 0.0, container: str = "mpegts") -> Path:
    codec = "libx264" if container == "mpegts" else "mpeg2video"
    rate = 8 if container == "mpegts" else 25
    return save_video(path, grey_frames(frames), rate, codec, container, options={"output_ts_offset": str(begins)})


def numbers(path: Path) -> list[int]:
    known = duration_of(path)
    return [number for _, number in frames_seen(path, known, sample_timestamps(known))]


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
@pytest.mark.parametrize("group", [20, 200])
def test_a_film_is_as_long_as_its_edit_and_shows_no_frame_outside(tmp_path: Path, suffix: str, group: int) -> None:
    """The edit begins and ends between key frames, among frames that are stored in another order."""
    path = edit_video(save_video(tmp_path / f"a.{suffix}", grey_frames(48), 8, group=group), [(2, 1.5)])
    known = duration_of(path)
    assert (known.frames, known.rate, known.seconds) == (16, 8, 2.0)
    assert frames_seen(path, known, [k / 8 for k in range(16)]) == [(k / 8, 12 + k) for k in range(16)]


@pytest.mark.parametrize(
    ("edits", "shown"),
    [
        ([(4, 0)], [*range(32)]),
        ([(2, None), (4, 0)], [*range(32)]),
        ([(2, 0.25), (2, 3.5)], [*range(2, 18), *range(28, 44)]),
        ([(2, 3.5), (2, 0.25)], [*range(28, 44), *range(2, 18)]),
        ([(2, 1), (2, 1)], [*range(8, 24), *range(8, 24)]),
        ([(20, 3)], [*range(24, 48)]),
    ],
    ids=["cut off", "delayed", "two", "back", "again", "beyond the end"],
)
def test_edits_are_shown_one_after_the_other(tmp_path: Path, edits: list[Edit], shown: list[int]) -> None:
    path = edit_video(save_video(tmp_path / "a.mp4", grey_frames(48), 8, group=20), edits)
    known = duration_of(path)
    assert (known.frames, known.seconds) == (len(shown), len(shown) / 8)
    assert frames_seen(path, known, [k / 8 for k in range(len(shown))]) == [
        (k / 8, shown[k]) for k in range(len(shown))
    ]


def test_a_clip_cut_out_of_a_long_film_has_its_own_facts(tmp_path: Path) -> None:
    frames = [frame for frame in grey_frames(48, (32, 32)) for _ in range(50)]
    path = edit_video(save_video(tmp_path / "a.mp4", frames, 4, group=6000), [(6, 300)])
    clip = read(path)
    assert (clip.media.seconds, clip.media.frame_rate, clip.media.frames_seen) == (6.0, 4.0, 6)


@pytest.mark.parametrize("suffix", ["mkv", "webm", "mp4"])
def test_a_clock_that_starts_at_an_hour_adds_nothing(tmp_path: Path, suffix: str) -> None:
    path = save_video(tmp_path / f"a.{suffix}", grey_frames(32), 8, options={"output_ts_offset": "3600"})
    clip = read(path)
    assert (clip.media.seconds, clip.media.frame_rate, clip.media.frames_seen) == (4.0, 8.0, 4)
    assert clip.timestamps == (0.0, 1.25, 2.5, 3.875)


@pytest.mark.parametrize("begins", [0.0, 3600.0, WRAP_SECONDS - 3, WRAP_SECONDS - 100])
def test_a_broadcasts_clock_may_start_anywhere_and_wrap(tmp_path: Path, begins: float) -> None:
    path = broadcast(tmp_path / "a.ts", 32, begins=begins)
    assert duration_of(path).seconds == 4.0
    assert numbers(path) == [0, 10, 20, 31]


@pytest.mark.parametrize("begins", [(0, 0), (500, 0), (0, 500)], ids=["again", "back", "forward"])
def test_recordings_in_one_file_are_one_film(tmp_path: Path, begins: tuple[float, float]) -> None:
    parts = [broadcast(tmp_path / f"{k}.ts", 24, begins=at) for k, at in enumerate(begins)]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    known = duration_of(path)
    assert (known.seconds, known.rate, known.jumps) == (6.0, 8.0, True)
    assert frames_seen(path, known, [k / 8 for k in range(48)]) == [(k / 8, k % 24) for k in range(48)]


def test_a_program_stream_is_joined_too(tmp_path: Path) -> None:
    part = broadcast(tmp_path / "a.mpg", 40, container="mpeg").read_bytes()
    path = tmp_path / "both.mpg"
    path.write_bytes(part + part)
    assert duration_of(path).seconds == pytest.approx(3.2, abs=0.05)
    assert duration_of(path).rate == 25


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_pause_is_part_of_the_film(tmp_path: Path, suffix: str) -> None:
    times = [k / 8 for k in range(16)] + [12 + k / 8 for k in range(16)]
    media = read(save_video(tmp_path / f"a.{suffix}", grey_frames(32), times=times)).media
    assert media.seconds == pytest.approx(14.0, abs=0.01)
    assert media.frame_rate == pytest.approx(32 / 14, abs=0.01)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_the_rate_of_a_film_that_slows_down_is_the_average(tmp_path: Path, suffix: str) -> None:
    """Its beginning, longer than what FFmpeg probes, has a steady rate."""
    times = [k / 25 for k in range(300)] + [12 + k / 2 for k in range(100)]
    frames = [frame for frame in grey_frames(40, (32, 32)) for _ in range(10)]
    media = read(save_video(tmp_path / f"a.{suffix}", frames, 25, times=times)).media
    assert media.seconds == pytest.approx(61.75, abs=0.5)
    assert media.frame_rate == pytest.approx(400 / 61.75, rel=0.01)


@pytest.mark.parametrize("seconds", [0.5, 100.0, 1e9])
def test_a_stated_length_is_not_believed_against_the_packets(tmp_path: Path, seconds: float) -> None:
    path = say_length(save_video(tmp_path / "a.mkv", grey_frames(32), 8), seconds)
    media = read(path).media
    assert (media.seconds, media.frames_seen) == (4.0, 4)


@pytest.fixture
def slow_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each packet uses a part of the time limit for counting: exactly 300 are counted."""
    ticks = count()
    clock = SimpleNamespace(monotonic=lambda: next(ticks) * duration.COUNT_SECONDS / 300)
    monkeypatch.setattr(duration, "time", clock)
    monkeypatch.setattr(packet_counter, "time", clock)


def long_film(path: Path, **how: Any) -> Path:
    """100 seconds, 8 frames a second, a key frame every second."""
    frames = [frame for frame in grey_frames(40, (32, 32)) for _ in range(20)]
    return save_video(path, frames, 8, group=8, **how)


@pytest.mark.usefixtures("slow_reading")
@pytest.mark.parametrize("begins", [0.0, 3600.0])
@pytest.mark.parametrize("stated", [100.0, 3700.0, 2.0, 50_000.0])
def test_a_file_that_takes_long_to_count_is_counted_at_its_ends(tmp_path: Path, begins: float, stated: float) -> None:
    path = long_film(tmp_path / "a.mkv", options={"output_ts_offset": str(begins)})
    known = duration_of(say_length(path, stated))
    assert (known.seconds, known.rate, known.estimated) == (100.0, 8.0, True)


@pytest.mark.usefixtures("slow_reading")
@pytest.mark.parametrize("begins", [0.0, 3600.0])
def test_a_long_file_that_states_no_length_is_estimated_by_its_bytes(tmp_path: Path, begins: float) -> None:
    options = {"live": "1", "output_ts_offset": str(begins)}
    known = duration_of(long_film(tmp_path / "a.mkv", options=options))
    assert known.estimated
    assert known.seconds == pytest.approx(100, rel=0.2)


@pytest.mark.usefixtures("slow_reading")
def test_the_end_of_a_long_broadcast_is_searched(tmp_path: Path) -> None:
    known = duration_of(long_film(tmp_path / "a.ts", codec="libx264", container="mpegts"))
    assert (known.seconds, known.estimated) == (100.0, True)


def test_a_film_of_sound_alone_holds_no_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as file:
        file.add_stream("libx264", rate=8)
        sound = file.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        file.mux(sound.encode(frame))
    with pytest.raises(UnreadableError, match="contains no frames"):
        duration_of(path)


def test_no_duration_exceeds_a_day(tmp_path: Path) -> None:
    times = [0, 1, 2, 3 * MAX_SECONDS]
    path = save_video(tmp_path / "a.mkv", grey_frames(4), times=times)
    assert duration_of(path).seconds <= MAX_SECONDS


@pytest.mark.parametrize("flags", ["frag_keyframe", "frag_keyframe+empty_moov"])
def test_a_fragmented_film_is_counted_whole(tmp_path: Path, flags: str) -> None:
    path = save_video(tmp_path / "a.mp4", grey_frames(48) * 5, 8, options={"movflags": flags})
    assert (duration_of(path).frames, duration_of(path).seconds) == (240, 30.0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert 60 < duration_of(path).frames < 180


def test_frames_that_an_avi_left_out_do_not_count(tmp_path: Path) -> None:
    """Nothing is stored for them, and players show the previous frame for longer."""
    path = tmp_path / "a.avi"
    with av.open(str(save_video(tmp_path / "all.avi", grey_frames(24), 8))) as plain, av.open(str(path), "w") as file:
        stream = file.add_stream_from_template(plain.streams.video[0])
        for number, packet in enumerate(packet for packet in plain.demux(video=0) if packet.size):
            copy = av.Packet(bytes(packet))
            copy.pts = copy.dts = 3 * number
            copy.time_base, copy.is_keyframe, copy.stream = packet.time_base, packet.is_keyframe, stream
            file.mux(copy)
    assert duration_of(path).rate == pytest.approx(24 / 8.75, abs=0.03)
    assert duration_of(path).seconds == pytest.approx(8.75, abs=0.01)


def test_a_table_is_not_believed_when_its_frames_lie_beyond_the_files_end(tmp_path: Path) -> None:
    path = save_video(tmp_path / "a.mp4", grey_frames(24), options={"movflags": "faststart"})
    whole = path.read_bytes()
    assert duration_of(path).frames == 24
    path.write_bytes(whole[:-400])
    assert 1 <= duration_of(path).frames < 24
