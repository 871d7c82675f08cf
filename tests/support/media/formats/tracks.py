"""Files with several tracks: video, sound, subtitles, covers and data.

A track is a function that adds its stream to a file and returns the one that writes it: a container wants to know
all of its streams before the first packet.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import SubtitleSet
from PIL import Image

from tests.support.media.formats.containers import CONTAINERS, Coding, add_film, mux_film

Write = Callable[[], None]
Track = Callable[[OutputContainer], Write]

ASS_HEADER = b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name\nStyle: Default\n\n[Events]\n"
MILLISECONDS = Fraction(1, 1000)


def record_tracks(
    path: Path, tracks: Sequence[Track], *, container: str = "", options: dict[str, str] | None = None
) -> Path:
    container = container or CONTAINERS[path.suffix.lower()]
    with av.open(str(path), "w", format=container, container_options=options or {}) as file:
        for write in [track(file) for track in tracks]:
            write()
    return path


def film(
    frames: Sequence[Image.Image], coding: Coding | None = None, *, disposition: Disposition = Disposition.default
) -> Track:
    coding = coding or Coding()

    def track(file: OutputContainer) -> Write:
        stream = add_film(file, coding, coding.size or frames[0].size)
        stream.disposition = disposition
        return lambda: mux_film(file, stream, frames, coding)

    return track


def sound(seconds: float = 4.0, *, pitch: float = 440.0, codec: str = "aac", rate: int = 16000) -> Track:
    def track(file: OutputContainer) -> Write:
        stream = file.add_stream(codec, rate=rate)
        assert isinstance(stream, AudioStream)
        stream.layout = "mono"
        stream.codec_context.bit_rate = 64_000
        return lambda: mux_sound(file, stream, seconds, pitch)

    return track


def mux_sound(file: OutputContainer, stream: AudioStream, seconds: float, pitch: float) -> None:
    rate, step = stream.codec_context.sample_rate, stream.codec_context.frame_size or 1024
    for k in range(math.ceil(seconds * rate / step)):
        wave = np.sin((np.arange(step) + k * step) * 2 * math.pi * pitch / rate).astype(np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, k * step, Fraction(1, rate)
        file.mux(stream.encode(frame))
    file.mux(stream.encode())


def subtitles(codec: str, seconds: float = 3.0) -> Track:
    def track(file: OutputContainer) -> Write:
        stream = file.add_stream(codec)
        assert isinstance(stream, SubtitleStream)
        stream.codec_context.subtitle_header = ASS_HEADER
        stream.time_base = stream.codec_context.time_base = MILLISECONDS

        def write() -> None:
            words = SubtitleSet.create(b"0,0,Default,,0,0,0,,Hello", 0, round(1000 * seconds))
            packet = stream.codec_context.encode_subtitle(words)
            packet.stream, packet.time_base = stream, MILLISECONDS
            packet.pts, packet.dts, packet.duration = 0, 0, round(1000 * seconds)
            file.mux(packet)

        return write

    return track


def cover(picture: Image.Image, disposition: Disposition = Disposition.attached_pic) -> Track:
    """A track of one still picture."""

    def track(file: OutputContainer) -> Write:
        stream = file.add_mux_stream("mjpeg", width=picture.width, height=picture.height, time_base=MILLISECONDS)
        stream.disposition = disposition

        def write() -> None:
            packet = Packet(encoded(picture, "JPEG"))
            packet.stream, packet.time_base, packet.is_keyframe = stream, MILLISECONDS, True
            packet.pts, packet.dts, packet.duration = 0, 0, 40
            file.mux(packet)

        return write

    return track


def encoded(picture: Image.Image, format: str) -> bytes:
    content = io.BytesIO()
    picture.save(content, format)
    return content.getvalue()


def matroska_cover(picture: Image.Image) -> Track:
    return attachment("cover.png", "image/png", encoded(picture, "PNG"))


def attachment(name: str, kind: str, content: bytes) -> Track:
    """A file within a Matroska file: a font, a cover."""

    def track(file: OutputContainer) -> Write:
        file.add_attachment(name, kind, content)
        return lambda: None

    return track


def data(seconds: float = 4.0, codec: str = "bin_data") -> Track:
    """A track of numbers, as action cameras and drones write: one packet a second."""

    def track(file: OutputContainer) -> Write:
        stream = file.add_data_stream(codec)
        stream.time_base = MILLISECONDS

        def write() -> None:
            for second in range(round(seconds)):
                packet = Packet(b"GPMF" + bytes(60))
                packet.stream, packet.time_base = stream, MILLISECONDS
                packet.pts = packet.dts = 1000 * second
                packet.duration = 1000
                file.mux(packet)

        return write

    return track
