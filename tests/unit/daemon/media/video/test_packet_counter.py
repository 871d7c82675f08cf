from __future__ import annotations

import math
import time
from collections import Counter
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import av
import pytest
from av.format import ContainerFormat

from daemon.media.video.packet_counter import JoinedClock, PacketCounter
from daemon.media.video.track_selection import keep_only
from tests.support.media.media_files import grey_frames, save_video
from tests.support.video_frames import duration_of, frames_seen, no_check, open_video


def opened_as(container: str) -> Any:
    return SimpleNamespace(format=ContainerFormat(container, "r"))


@pytest.mark.parametrize(
    ("container", "joined"),
    [
        ("mpegts", [5.0, 5.125, 5.0625, 5.1875, 5.3125, 35.0, 35.125]),
        ("matroska", [5.0, 5.125, 5.0625, 0.0, 0.125, 29.8125, 4000.0]),
    ],
)
def test_a_clock_is_joined_where_the_container_allows_for_it_alone(container: str, joined: list[float]) -> None:
    """Reordered frames and pauses are no jump."""
    clock = JoinedClock(opened_as(container), 0.125)
    assert [clock.read(raw) for raw in (5.0, 5.125, 5.0625, 0.0, 0.125, 29.8125, 4000.0)] == joined
    assert clock.jumps


@pytest.mark.parametrize("container", ["mpegts", "matroska"])
def test_a_clock_that_goes_on_does_not_jump(container: str) -> None:
    clock = JoinedClock(opened_as(container), 0.125)
    assert [clock.read(raw) for raw in (7.0, 7.125, 7.0625, 40.0)] == [7.0, 7.125, 7.0625, 40.0]
    assert not clock.jumps


def test_after_a_seek_the_clock_does_not_jump() -> None:
    clock = JoinedClock(opened_as("mpegts"), 0.125)
    assert clock.read(5.0) == 5.0
    clock.reset_after_seek()
    assert clock.read(900.0) == 900.0
    assert not clock.jumps


def packets(count: int, gap: int, duration: int = 0) -> list[Any]:
    return [
        SimpleNamespace(pts=k * gap, dts=k * gap, duration=duration, pos=1000 * k, size=9, is_discard=False)
        for k in range(count)
    ]


def tally_of(read: list[Any], *, container: str, average: int, usual: int, codec: str = "h264") -> PacketCounter:
    """A packet counter on a clock of 100 ticks a second."""
    stream = SimpleNamespace(
        time_base=Fraction(1, 100),
        average_rate=Fraction(average),
        guessed_rate=Fraction(usual),
        codec_context=SimpleNamespace(name=codec),
    )
    opened = opened_as(container)
    opened.demux = lambda _: iter(read)
    tally = PacketCounter(opened, cast(Any, stream))
    assert tally.read_packets(no_check, math.inf)
    return tally


def test_half_frames_of_a_broadcast_are_counted_in_pairs() -> None:
    """FFmpeg returns interlaced H.264 field by field, 50 a second, with an average rate of 25 frames."""
    tally = tally_of(packets(200, 2), container="mpegts", average=25, usual=50)
    assert (tally.frames(), tally.rate(), tally.seconds) == (100, 25, 4.0)


@pytest.mark.parametrize(("container", "average"), [("mpegts", 50), ("matroska", 25)])
def test_whole_frames_are_counted_one_by_one(container: str, average: int) -> None:
    tally = tally_of(packets(200, 2), container=container, average=average, usual=50)
    assert (tally.frames(), tally.rate(), tally.seconds) == (200, 50, 4.0)


@pytest.mark.parametrize(("missing", "frames", "rate"), [(3, 250, 25.0), (40, 210, 21.0)])
def test_a_steady_film_may_lack_a_few_frames(missing: int, frames: int, rate: float) -> None:
    read = packets(250, 4, 4)
    del read[100 : 100 + missing]
    tally = tally_of(read, container="matroska", average=25, usual=25)
    assert (tally.frames(), tally.rate(), tally.seconds) == (frames, rate, 10.0)


@pytest.mark.parametrize(
    ("container", "duration", "lasts"), [("matroska", 0, 0.1), ("matroska", 30, 0.3), ("mpegts", 30, 0.1)]
)
def test_the_last_frame_lasts_as_stated_or_as_long_as_most(container: str, duration: int, lasts: float) -> None:
    """A broadcast states no durations: FFmpeg's are guesses."""
    tally = tally_of(packets(20, 10, duration), container=container, average=25, usual=25)
    assert tally.end == pytest.approx(1.9 + lasts)


@pytest.mark.parametrize(
    ("stated", "believed"),
    [
        (40.0, 40.0),
        (45.0, 45.0),
        (3645.0, 45.0),
        (4.0, 40.0),
        (400.0, 40.0),
        (0.0, 40.0),
    ],
    ids=["right", "nearly", "by the clock", "short", "long", "not stated"],
)
def test_a_length_is_believed_that_the_bytes_do_not_deny(stated: float, believed: float) -> None:
    """A quarter of the bytes took 10 seconds, from an hour on."""
    read = packets(100, 10, 10)
    for number, packet in enumerate(read):
        packet.pts, packet.dts, packet.pos = packet.pts + 360_000, packet.dts + 360_000, number * 1000
    tally = tally_of(read, container="matroska", average=10, usual=10)
    assert tally.estimate(stated, 4 * 99_000) == pytest.approx(believed)


def test_frames_of_vp8_that_are_never_shown_do_not_count(tmp_path: Path) -> None:
    path = save_video(tmp_path / "a.webm", grey_frames(24), 8, "libvpx")
    hidden = path.with_name("hidden.webm")
    with av.open(str(path)) as plain, av.open(str(hidden), "w") as file:
        stream = file.add_stream_from_template(plain.streams.video[0])
        for number, packet in enumerate(packet for packet in plain.demux(video=0) if packet.size):
            content = bytearray(packet)
            if number % 6 == 5:
                content[0] &= ~0x10
            copy = av.Packet(bytes(content))
            copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copy.duration, copy.is_keyframe, copy.stream = packet.duration, packet.is_keyframe, stream
            file.mux(copy)
    known = duration_of(hidden)
    assert known.frames == len(frames_seen(hidden, known, [k / 8 for k in range(24)])) == 20


def test_what_belongs_to_other_streams_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with (
        av.open(str(save_video(tmp_path / "plain.mp4", grey_frames(48) * 5))) as plain,
        av.open(str(path), "w") as file,
    ):
        streams = [file.add_stream_from_template(plain.streams.video[0]) for _ in range(2)]
        for packet in plain.demux(video=0):
            if packet.size:
                for stream in streams:
                    copy = av.Packet(bytes(packet))
                    copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
                    copy.is_keyframe, copy.stream = packet.is_keyframe, stream
                    file.mux(copy)
    with open_video(path) as (container, stream):
        keep_only(container, [stream])
        read = Counter(packet.stream_index for packet in container.demux() if packet.size)
    assert read[0] == 240
    assert read[1] < 120  # those that FFmpeg had looked at when it opened the file


def test_counting_ends_when_the_time_is_up(tmp_path: Path) -> None:
    with open_video(save_video(tmp_path / "a.mkv", grey_frames(24))) as (container, stream):
        tally = PacketCounter(container, stream)
        assert not tally.read_packets(no_check, time.monotonic())
        assert tally.packets == 1
