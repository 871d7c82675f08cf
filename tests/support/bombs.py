"""Files that are small on disk and claim to be huge."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import av

from tests.support.media.media_files import grey_frames, save_image, save_video, some_image


def chunk(kind: bytes, body: bytes) -> bytes:
    """Of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(width: int, height: int) -> bytes:
    """A one-bit black PNG of any size, which compresses to almost nothing."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + (width + 7) // 8)) for _ in range(height)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def gif_of(width: int, height: int) -> bytes:
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02D\x01\0"
    return b"GIF89a" + screen + frame + b";"


def gif_of_frames(folder: Path, count: int) -> bytes:
    """One complete frame, repeated."""
    content = save_image(folder / "small.gif", some_image(1, (200, 200))).read_bytes()
    at = content.index(b",", 13 + 3 * 2 ** ((content[10] & 7) + 1))
    return content[:at] + content[at:-1] * count + b";"


def bmp_of(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IIIIiiHHIIIIII", 100, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(46)


def heic_of(folder: Path, width: int, height: int) -> bytes:
    """A small picture that states another size."""
    content = bytearray(save_image(folder / "small.heic", some_image(1, (64, 64))).read_bytes())
    for at in places(content, b"ispe"):
        content[at + 8 : at + 16] = struct.pack(">II", width, height)
    return bytes(content)


def vp8_of(folder: Path, width: int, height: int) -> bytes:
    """VP8 with another size in every key frame only, which contradicts the container."""
    content = bytearray(save_video(folder / "small.webm", grey_frames(4), codec="libvpx", group=1).read_bytes())
    for at in places(content, b"\x9d\x01\x2a"):
        content[at + 3 : at + 7] = struct.pack("<HH", width, height)
    return bytes(content)


def mp4_of(folder: Path, width: int, height: int) -> bytes:
    """H.264 whose sequence parameters state another size; both must be multiples of 16."""
    content = bytearray(save_video(folder / "small.mp4", grey_frames(4)).read_bytes())
    at = content.index(b"avcC") + 10
    length = int.from_bytes(content[at : at + 2], "big")
    parameters = resized(bytes(content[at + 2 : at + 2 + length]), width, height)
    content[at + 2 : at + 2 + length] = parameters.ljust(length, b"\0")
    return bytes(content)


def broadcast_of(folder: Path, width: int, height: int) -> bytes:
    """The same as a transport stream: no header of the container states its size."""
    film, broadcast = folder / "huge.mp4", folder / "huge.ts"
    film.write_bytes(mp4_of(folder, width, height))
    with av.open(str(film)) as source, av.open(str(broadcast), "w", format="mpegts") as target:
        stream = target.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return broadcast.read_bytes()


def resized(parameters: bytes, width: int, height: int) -> bytes:
    """A sequence parameter set of the "high" profile, of another size, without its annex (H.264, 7.3.2.1.1)."""
    head, body = parameters[:4], parameters[4:].replace(b"\0\0\3", b"\0\0")
    bits = f"{int.from_bytes(body, 'big'):0{8 * len(body)}b}"

    def after(at: int, numbers: int) -> int:
        for _ in range(numbers):
            zeros = bits.index("1", at) - at
            at += 2 * zeros + 1
        return at

    def number(value: int) -> str:
        digits = f"{value + 1:b}"
        return "0" * (len(digits) - 1) + digits

    at = after(0, 4) + 2  # id, chroma format, two depths; transform bypass, scaling matrix
    at = after(at, 1)  # how frames are numbered
    at = after(at, 2 if bits[at] == "1" else 1)  # how pictures are ordered
    at = after(at, 1) + 1  # reference frames; gaps
    kept = bits[:at] + number(width // 16 - 1) + number(height // 16 - 1) + "1100" + "1"
    kept += "0" * (-len(kept) % 8)
    return head + int(kept, 2).to_bytes(len(kept) // 8, "big")


def places(content: bytes | bytearray, mark: bytes) -> list[int]:
    found, at = [], content.find(mark)
    while at >= 0:
        found.append(at)
        at = content.find(mark, at + 1)
    return found
