"""Videos as cameras and programs write them: any container, codec, pixel format, colour tags and pixel aspect."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from tests.support.media.formats import light

os.environ.setdefault("SVT_LOG", "1")  # this encoder tells its life's story otherwise

CONTAINERS = {
    ".mp4": "mp4",
    ".mov": "mov",
    ".m4v": "mp4",
    ".3gp": "3gp",
    ".3g2": "3g2",
    ".mkv": "matroska",
    ".webm": "webm",
    ".avi": "avi",
    ".ts": "mpegts",
    ".m2t": "mpegts",
    ".mts": "mpegts",
    ".mpg": "mpeg",
    ".vob": "vob",
    ".wmv": "asf",
    ".flv": "flv",
    ".ogv": "ogg",
    ".mxf": "mxf",
    ".m2v": "mpeg2video",
}
#: (bits a sample, pixels across and down that share one chroma sample) of the planar formats that `light` fills.
PLANAR = {
    "yuv420p": (8, (2, 2)),
    "yuvj420p": (8, (2, 2)),
    "yuv422p": (8, (2, 1)),
    "yuvj422p": (8, (2, 1)),
    "yuv444p": (8, (1, 1)),
    "yuvj444p": (8, (1, 1)),
    "yuv411p": (8, (4, 1)),
    "yuv410p": (8, (4, 4)),
    "yuv420p10le": (10, (2, 2)),
    "yuv422p10le": (10, (2, 1)),
    "yuv444p10le": (10, (1, 1)),
    "yuv420p12le": (12, (2, 2)),
}
#: FFmpeg's numbers (ITU-T H.273): matrix, primaries and transfer.
MATRICES = {"bt601": 6, "bt709": 1, "bt2020": 9}
PRIMARIES = {"bt601": 6, "bt709": 1, "bt2020": 9}
TRANSFERS: dict[light.Curve, int] = {light.sdr: 1, light.wide: 14, light.pq: 16, light.hlg: 18}
#: What makes each encoder quick and true to the colours. Of SVT-AV1's presets, 11 and 12 write streams that break off.
SETTINGS = {
    "libx264": {"preset": "ultrafast", "crf": "12"},
    "libx264rgb": {"preset": "ultrafast", "crf": "12"},
    "libx265": {"preset": "ultrafast", "crf": "10", "x265-params": "log-level=none"},
    "libvpx": {"crf": "8", "b": "2M", "deadline": "realtime", "cpu-used": "8"},
    "libvpx-vp9": {"crf": "10", "b": "0", "deadline": "realtime", "cpu-used": "8"},
    "libsvtav1": {"preset": "8", "crf": "16"},
}
COARSE = {"qmin": "1", "qmax": "2"}
COARSE_CODECS = set("mpeg4 mpeg1video mpeg2video wmv1 wmv2 msmpeg4 msmpeg4v2 h263 h263p flv mjpeg".split())
#: These encoders do not say that the first picture stands alone. A file without key frames counts as one of them alone.
NO_KEYS = {"rpza"}


@dataclass(frozen=True, kw_only=True)
class Coding:
    """How frames become a file. `size`: of the stored pixels, where it is not the frames' own.

    `matrix` and `full`: how the colours are computed; they are written into the file where `tagged`. `signal`: the
    transfer curve, with BT.2020 primaries unless it is SDR. `aspect`: width to height of one pixel.
    `false_keys`: of so many frames one is called a key frame, whatever it is.
    """

    codec: str = "libx264"
    pixels: str = "yuv420p"
    container: str = ""
    rate: Fraction | int = 8
    size: tuple[int, int] | None = None
    matrix: str = "bt601"
    full: bool = False
    tagged: bool = True
    signal: light.Curve = light.sdr
    aspect: Fraction | None = None
    group: int = 12
    false_keys: int = 0
    settings: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)


def record(path: Path, frames: Sequence[Image.Image], coding: Coding, *, start: float = 0.0) -> Path:
    """Write the frames, evenly spaced at the coding's rate, the first at `start` seconds."""
    with opened(path, coding) as file:
        stream = add_film(file, coding, coding.size or frames[0].size)
        mux_film(file, stream, frames, coding, start=start)
    return path


def opened(path: Path, coding: Coding) -> OutputContainer:
    container = coding.container or CONTAINERS[path.suffix.lower()]
    return av.open(str(path), "w", format=container, container_options=coding.options)


def add_film(file: OutputContainer, coding: Coding, size: tuple[int, int]) -> VideoStream:
    rate = Fraction(coding.rate)
    stream = file.add_stream(coding.codec, rate=rate, width=size[0], height=size[1], pix_fmt=coding.pixels)
    assert isinstance(stream, VideoStream)
    context = stream.codec_context
    context.time_base = 1 / rate
    context.thread_count = 1
    if coding.codec.startswith(("lib", "mpeg", "h26", "wmv", "ms", "flv", "snow", "vp")):
        context.gop_size = coding.group
    settings = SETTINGS.get(coding.codec, COARSE if coding.codec in COARSE_CODECS else {})
    stream.options = {**settings, **coding.settings}
    if coding.aspect is not None:
        context.sample_aspect_ratio = coding.aspect
    if coding.tagged:
        tag(context, coding)
    return stream


def tag(what: VideoCodecContext | VideoFrame, coding: Coding) -> None:
    """Set the colour tags. Some encoders read them from the context, others from the frame."""
    what.colorspace, what.color_range = MATRICES[coding.matrix], 2 if coding.full else 1
    what.color_primaries = PRIMARIES["bt2020" if coding.signal is not light.sdr else coding.matrix]
    what.color_trc = TRANSFERS[coding.signal]


def mux_film(
    file: OutputContainer, stream: VideoStream, frames: Sequence[Image.Image], coding: Coding, *, start: float = 0.0
) -> None:
    rate = Fraction(coding.rate)
    for number, picture in enumerate(frames):
        frame = frame_of(picture.resize(coding.size) if coding.size else picture, coding)
        frame.time_base = 1 / rate
        frame.pts = number + round(start * rate)
        mux(file, stream.encode(frame), coding)
    mux(file, stream.encode(), coding)


def mux(file: OutputContainer, packets: Sequence[Packet[VideoStream]], coding: Coding) -> None:
    for packet in packets:
        if coding.codec in NO_KEYS:
            packet.is_keyframe = packet.pts == 0
        if coding.false_keys:
            assert packet.pts is not None
            packet.is_keyframe |= packet.pts % coding.false_keys == 0
        file.mux(packet)


def frame_of(picture: Image.Image, coding: Coding) -> VideoFrame:
    """The picture in the coding's pixel format."""
    if coding.pixels in PLANAR:
        depth, chroma = PLANAR[coding.pixels]
        full = coding.full or coding.pixels.startswith("yuvj")
        planes = light.yuv_planes(coding.signal(picture), coding.matrix, full=full, depth=depth, chroma=chroma)
        frame = VideoFrame(picture.width, picture.height, coding.pixels)
        for plane, values in zip(frame.planes, planes, strict=True):
            rows = np.zeros((plane.height, plane.line_size), np.uint8)
            content = values.view(np.uint8).reshape(len(values), -1)
            rows[:, : content.shape[1]] = content
            plane.update(rows.tobytes())
    elif coding.pixels == "rgb555le":  # FFmpeg would dither, and a coarse codec keeps only the darker of two pixels
        frame = VideoFrame(picture.width, picture.height, coding.pixels)
        red, green, blue = np.moveaxis(np.rint(np.asarray(picture.convert("RGB")) * (31 / 255)).astype("<u2"), -1, 0)
        frame.planes[0].update(((red << 10) | (green << 5) | blue).tobytes())
    else:
        whole = VideoFrame.from_ndarray(np.asarray(picture), format="rgba" if picture.mode == "RGBA" else "rgb24")
        frame = whole.reformat(format=coding.pixels)
    if coding.tagged:
        tag(frame, coding)
    return frame
