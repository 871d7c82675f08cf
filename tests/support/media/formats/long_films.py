"""Videos of several hours, written in seconds: each scene is encoded once, and its packets are repeated."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from av.packet import Packet
from av.video.stream import VideoStream
from PIL import Image

from tests.support.media.formats.containers import Coding, add_film, frame_of, opened

#: How long one coded group of pictures lasts.
GROUP_SECONDS = 10


def record_long(path: Path, stills: Sequence[Image.Image], seconds: int, coding: Coding) -> Path:
    """Every still for the same time, in groups that begin with a key frame."""
    rate = Fraction(coding.rate)
    length = int(GROUP_SECONDS * rate)
    groups = seconds // GROUP_SECONDS
    with opened(path, coding) as file:
        stream = add_film(file, coding, stills[0].size)
        context = stream.codec_context
        context.gop_size, context.max_b_frames = length, 0
        coded: list[list[Packet[VideoStream]]] = [[] for _ in stills]
        for number, still in enumerate(stills):
            for k in range(length):
                frame = frame_of(still, coding)
                frame.pts, frame.time_base = number * length + k, 1 / rate
                sort(stream.encode(frame), coded, length)
        sort(stream.encode(), coded, length)
        for group in range(groups):
            for k, packet in enumerate(coded[group * len(stills) // groups]):
                again = Packet(bytes(packet))
                again.stream, again.time_base, again.is_keyframe = stream, 1 / rate, packet.is_keyframe
                again.pts = again.dts = group * length + k
                again.duration = 1
                file.mux(again)
    return path


def sort(packets: Sequence[Packet[VideoStream]], coded: list[list[Packet[VideoStream]]], length: int) -> None:
    """Each packet to those of its still, which is shown for `length` frames."""
    for packet in packets:
        assert packet.pts is not None
        coded[packet.pts // length].append(packet)
