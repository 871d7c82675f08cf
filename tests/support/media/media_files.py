"""Pictures and videos as files: what cameras, screens and other programs leave in an inbox, made on the fly."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pillow_heif
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from PIL import Image

from tests.support.demo_world.drawing import draw, film_frames
from tests.support.demo_world.world import some_film, some_picture

#: The codec that each container is written with unless another is named.
CODECS = {"mp4": "libx264", "mov": "libx264", "matroska": "libx264", "webm": "libvpx-vp9", "avi": "mpeg4"}
CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".avi": "avi"}

pillow_heif.register_heif_opener()


def some_image(seed: int = 0, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """A drawn picture, the same for the same seed."""
    rng = random.Random(seed)
    return draw(some_picture(rng), rng, size)


def some_frames(count: int, seed: int = 0, size: tuple[int, int] = (320, 240)) -> list[Image.Image]:
    """The frames of a drawn film, the same for the same seed."""
    rng = random.Random(seed)
    return film_frames(some_film(rng), rng, count, size)


def grey_frames(count: int, size: tuple[int, int] = (64, 48)) -> list[Image.Image]:
    """Frames that tell their own number: `frame_number` reads it back, up to 48, through any codec."""
    return [Image.new("RGB", size, (8 + 5 * k,) * 3) for k in range(count)]


def frame_number(pixels: np.ndarray) -> int:
    """Which of `grey_frames` these pixels (height, width, 3) are."""
    return round((float(pixels.mean()) - 8) / 5)


def save_image(
    path: Path, picture: Image.Image, format: str | None = None, *, orientation: int = 1, **options: object
) -> Path:
    """Write a picture as `format` (a Pillow name such as "JPEG" or "HEIF"; by the suffix when absent).

    `orientation` is the EXIF tag that is written along; the stored pixels stay as they are. `options` are Pillow's.
    """
    if format is None:
        format = Image.registered_extensions()[path.suffix.lower()]
    extra = dict(options)
    if orientation != 1:
        exif = Image.Exif()
        exif[0x0112] = orientation
        extra["exif"] = exif.tobytes()
    picture.save(path, format, **extra)
    return path


def save_video(
    path: Path,
    frames: Sequence[Image.Image],
    fps: float | Fraction = 8,
    codec: str | None = None,
    container: str | None = None,
    *,
    times: Sequence[float] | None = None,
    group: int = 12,
    options: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    """Write frames (all of one even size) as a video; codec and container follow the suffix when absent.

    `times` (seconds, one a frame) makes the frame rate variable; `group` is the distance of key frames;
    `options` and `metadata` go to the container.
    """
    container = container or CONTAINERS[path.suffix.lower()]
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(str(path), "w", format=container, container_options=options or {}) as file:
        file.metadata.update(metadata or {})
        stream = file.add_stream(codec or CODECS[container], rate=rate)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = frames[0].size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = group
        stream.codec_context.thread_count = 1
        if stream.codec_context.name == "mpeg4":
            stream.options = {"qmin": "1", "qmax": "2"}  # its own choice is too coarse for `frame_number`
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for k, picture in enumerate(frames):
            frame = av.VideoFrame.from_image(picture)
            frame.time_base = Fraction(1, 1000) if times is not None else 1 / rate
            frame.pts = k if times is None else round(1000 * times[k])
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def save_sound(path: Path, seconds: float = 1.0) -> Path:
    """Write a file that holds a tone and no picture."""
    count = 1024
    with av.open(str(path), "w", format=CONTAINERS[path.suffix.lower()]) as file:
        stream = file.add_stream("aac", rate=16000)
        assert isinstance(stream, AudioStream)
        stream.layout = "mono"
        wave = np.sin(np.arange(count) * 2 * math.pi * 440 / 16000).astype(np.float32).reshape(1, -1)
        for k in range(math.ceil(seconds * 16000 / count)):
            frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 16000, k * count, Fraction(1, 16000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def turn_video(path: Path, degrees: int) -> Path:
    """Say in an MP4 or MOV file's track header that players shall turn it clockwise by 0, 90, 180 or 270 degrees."""
    content = bytearray(path.read_bytes())
    header = content.index(b"tkhd")
    cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[degrees // 90]
    one = 1 << 16
    matrix = (cosine * one, sine * one, 0, -sine * one, cosine * one, 0, 0, 0, 1 << 30)
    # Version 0: type, version and flags, then five words, two reserved words, and four short numbers.
    at = header + 4 + 4 + 20 + 8 + 8
    content[at : at + 36] = b"".join(word.to_bytes(4, "big", signed=True) for word in matrix)
    path.write_bytes(content)
    return path
