"""Videos and pictures that are truncated, or have impossible headers."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.video.stream import VideoStream

from tests.support.media.media_files import grey_frames, save_video

PARTS = 25


def truncations(content: bytes) -> Iterator[bytes]:
    """The file truncated at every twenty-fifth of its length."""
    for part in range(1, PARTS):
        yield content[: len(content) * part // PARTS]


def without_frames(path: Path) -> Path:
    """A container with a video stream and no frames."""
    with av.open(str(path), "w", format="mp4", container_options={"movflags": "empty_moov"}) as file:
        stream = file.add_stream("libx264", rate=Fraction(8))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.open()
        file.start_encoding()
    return path


def with_bad_tags(path: Path) -> Path:
    """A title that is not valid text in any encoding that is allowed there."""
    plain = save_video(path.with_name("plain.mp4"), grey_frames(4))
    with av.open(str(plain)) as source, av.open(str(path), "w", format="mp4") as file:
        file.metadata["title"] = "TITLEHERE"
        stream = file.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                file.mux(packet)
    path.write_bytes(path.read_bytes().replace(b"TITLEHERE", b"\xff\xfe\xc3\x28\x80\x81\xa0\xed\xb0"))
    return path


def with_duration(path: Path, seconds: int) -> Path:
    """A video of three seconds with another duration in all its headers (version 0, as written here)."""
    content = bytearray(save_video(path, grey_frames(24)).read_bytes())
    for name, scale_at, length_at in ((b"mvhd", 16, 20), (b"mdhd", 16, 20), (b"tkhd", None, 24)):
        at = content.index(name)
        scale = 1000 if scale_at is None else int.from_bytes(content[at + scale_at : at + scale_at + 4], "big")
        length = min(seconds * scale, 2**32 - 1)
        content[at + length_at : at + length_at + 4] = struct.pack(">I", length)
    path.write_bytes(content)
    return path


def without_times(path: Path) -> Path:
    """An AVI whose packets have no timestamps."""
    content = bytearray(save_video(path, grey_frames(16)).read_bytes())
    at = content.index(b"idx1")
    path.write_bytes(content[:at])
    return path
