"""Videos of every container, codec and kind of track, made with PyAV only."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.codec import Codec
from av.container import OutputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream
from PIL import Image

#: FFmpeg's container, and a codec that belongs into it, by suffix.
CONTAINERS = {
    ".mp4": ("mp4", "libx264"),
    ".m4v": ("mp4", "libx264"),
    ".mov": ("mov", "libx264"),
    ".mkv": ("matroska", "libx264"),
    ".webm": ("webm", "libvpx"),
    ".avi": ("avi", "mpeg4"),
    ".ts": ("mpegts", "libx264"),
    ".mts": ("mpegts", "libx264"),
    ".mpg": ("mpeg", "mpeg1video"),
    ".vob": ("vob", "mpeg2video"),
    ".m2v": ("mpeg2video", "mpeg2video"),
    ".wmv": ("asf", "wmv2"),
    ".flv": ("flv", "flv"),
    ".ogv": ("ogg", "libvpx"),
    ".3gp": ("3gp", "h263"),
    ".mxf": ("mxf", "mpeg2video"),
    ".dv": ("dv", "dvvideo"),
}
#: The name by which smolwatch knows what such files are.
FORMATS = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "mkv",
    ".webm": "webm",
    ".avi": "avi",
    ".ts": "mpegts",
    ".mts": "mpegts",
    ".mpg": "mpeg",
    ".vob": "mpeg",
    ".m2v": "mpegvideo",
    ".wmv": "asf",
    ".flv": "flv",
    ".ogv": "ogg",
    ".3gp": "mp4",
    ".mxf": "mxf",
    ".dv": "dv",
}
#: What these can hold of sound; all others hold AAC.
SOUNDS = {
    ".webm": "libopus",
    ".ogv": "libopus",
    ".mpg": "mp2",
    ".vob": "mp2",
    ".wmv": "wmav2",
    ".avi": "mp2",
    ".mxf": "pcm_s16le",
    ".dv": "pcm_s16le",
}
#: Camcorders put four bytes in front of every packet.
CAMCORDER = {".mts": {"mpegts_m2ts_mode": "1"}}
#: DVDs, broadcasts and the like know these rates alone.
TELEVISION = {".mpg", ".vob", ".m2v", ".mxf", ".dv"}
#: And this is the size of their picture.
TAPE = (720, 576)
MILLISECOND = Fraction(1, 1000)
SOUND_RATE = 48_000


@dataclass(frozen=True, kw_only=True)
class Film:
    """A video track. `is_default` None: the container's default."""

    frames: Sequence[Image.Image]
    codec: str | None = None
    fps: float = 8
    is_default: bool | None = None
    options: tuple[tuple[str, str], ...] = ()
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What a file has besides video: codecs of subtitles and data, number of sound tracks, and others."""

    subtitles: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    sounds: int = 0
    cover: bool = False
    attachment: bool = False
    chapters: bool = False
    timecode: bool = False


def save_film(path: Path, frames: Sequence[Image.Image], codec: str | None = None, *, fps: float | None = None) -> Path:
    """One video track in the container of the suffix."""
    rate = (25 if path.suffix in TELEVISION else 8) if fps is None else fps
    return save_films(path, [Film(frames=frames, codec=codec, fps=rate)])


def save_films(
    path: Path, films: Sequence[Film], beside: Beside = Beside(), *, options: dict[str, str] | None = None
) -> Path:
    """Any tracks in the container of the suffix; `options` are those of the container."""
    container, usual = CONTAINERS[path.suffix]
    how = CAMCORDER.get(path.suffix, {}) | (options or {})
    with av.open(str(path), "w", format=container, container_options=how) as file:
        if beside.timecode:
            file.metadata["timecode"] = "01:00:00:00"
        pictures = [picture_track(file, film, usual) for film in films]
        sounds = [sound_track(file, SOUNDS.get(path.suffix, "aac")) for _ in range(beside.sounds)]
        texts = [(file.add_mux_stream(codec), codec) for codec in beside.subtitles]
        texts += [(file.add_data_stream(codec), codec) for codec in beside.data]
        cover = cover_track(file) if beside.cover else None
        if beside.attachment:
            file.add_attachment("font.ttf", "application/x-truetype-font", b"no font at all")
        if beside.chapters:
            file.set_chapters(
                [{"id": 1, "start": 0, "end": 500, "time_base": MILLISECOND, "metadata": {"title": "The beginning"}}]
            )
        if cover is not None:
            mux(file, cover, jpeg(), 0)
        for stream in sounds:
            write_silence(file, stream, max(len(film.frames) / film.fps for film in films) if films else 1.0)
        write_pictures(file, films, pictures, texts)
    return path


def picture_track(file: OutputContainer, film: Film, usual: str) -> VideoStream:
    codec = film.codec or usual
    stream = file.add_stream(codec, rate=Fraction(film.fps).limit_denominator(1001), options=dict(film.options))
    assert isinstance(stream, VideoStream)
    stream.width, stream.height = film.frames[0].size
    known = [format.name for format in Codec(codec, "w").video_formats or ()]
    stream.pix_fmt = "yuv420p" if "yuv420p" in known or not known else known[0]
    stream.codec_context.thread_count = 1
    stream.codec_context.gop_size = 4
    if codec in ("mpeg4", "h263", "flv", "wmv1", "wmv2", "msmpeg4", "msmpeg4v2", "mpeg1video", "mpeg2video"):
        stream.codec_context.options = {"qmin": "1", "qmax": "2"} | dict(film.options)
    if film.title:
        stream.metadata["title"] = film.title
    if film.is_default is not None:
        stream.disposition = Disposition.default if film.is_default else Disposition(0)
    return stream


def sound_track(file: OutputContainer, codec: str) -> AudioStream:
    stream = file.add_stream(codec, rate=SOUND_RATE)
    assert isinstance(stream, AudioStream)
    stream.layout, stream.bit_rate = "stereo", 64_000
    return stream


def cover_track(file: OutputContainer) -> Stream:
    return file.add_mux_stream("mjpeg", width=32, height=24, disposition=Disposition.attached_pic)


def jpeg(colour: str = "red") -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (32, 24), colour).save(content, "JPEG")
    return content.getvalue()


def mux(file: OutputContainer, stream: Stream, content: bytes, milliseconds: int) -> None:
    packet = av.Packet(content)
    packet.stream, packet.time_base = stream, MILLISECOND
    packet.pts = packet.dts = milliseconds
    packet.duration, packet.is_keyframe = 200, True
    file.mux(packet)


def write_silence(file: OutputContainer, stream: AudioStream, seconds: float) -> None:
    count = 1024
    for at in range(0, round(seconds * SOUND_RATE), count):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 2 * count), np.int16), format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, at, Fraction(1, SOUND_RATE)
        file.mux(stream.encode(frame))
    file.mux(stream.encode())


def write_pictures(
    file: OutputContainer,
    films: Sequence[Film],
    streams: Sequence[VideoStream],
    texts: Sequence[tuple[Stream, str]],
) -> None:
    """Mux all tracks frame by frame; one packet in every other track near the beginning."""
    for number in range(max((len(film.frames) for film in films), default=4)):
        for film, stream in zip(films, streams, strict=True):
            if number < len(film.frames):
                frame = av.VideoFrame.from_image(film.frames[number])
                frame.time_base = 1 / Fraction(film.fps).limit_denominator(1001)
                frame.pts = number
                file.mux(stream.encode(frame))
        if number == 3:
            for text, codec in texts:
                mux(file, text, b"\0\5hello" if codec == "mov_text" else b"hello", 500)
    for stream in streams:
        file.mux(stream.encode())
