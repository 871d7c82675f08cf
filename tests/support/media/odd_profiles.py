"""Unusual small colour profiles, made byte by byte (ICC.1:2001-04, version 2)."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

#: X, Y and Z of sRGB's red, green and blue, and of white, under the light that profiles are written for.
RED, GREEN, BLUE = (0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)
WHITE = (0.9642, 1.0, 0.8249)


def swapped() -> bytes:
    """The first channel is blue, the second red, the third green."""
    return rgb_profile((BLUE, RED, GREEN))


def rgb_profile(colours: Sequence[Sequence[float]], gamma: float = 2.2) -> bytes:
    """`colours`: X, Y and Z of each of the three channels at its maximum."""
    xyz = {name: xyz_tag(colour) for name, colour in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colours, strict=True)}
    return profile(b"RGB ", xyz | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve_tag(gamma)))


def grey_profile(gamma: float) -> bytes:
    return profile(b"GRAY", {b"kTRC": curve_tag(gamma)})


def cmyk_profile() -> bytes:
    """A table of two steps per ink into Lab. Cyan prints red, and the other inks print nothing."""
    table = b"".join(lab(54, 81, 70) if cyan else lab(100, 0, 0) for cyan in (0, 1) for _ in range(8))
    return profile(b"CMYK", {b"A2B0": lut_tag(4, table)}, kind=b"prtr", between=b"Lab ")


def lab_profile() -> bytes:
    """A table of two steps per channel into Lab: maximum red looks blue, everything else white."""
    table = b"".join(lab(30, 68, -112) if red and not rest else lab(100, 0, 0) for red in (0, 1) for rest in range(4))
    return profile(b"RGB ", {b"A2B0": lut_tag(3, table)}, between=b"Lab ")


def profile(space: bytes, tags: Mapping[bytes, bytes], *, kind: bytes = b"mntr", between: bytes = b"XYZ ") -> bytes:
    whole = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78),
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": xyz_tag(WHITE),
        **tags,
    }
    start = 128 + 4 + 12 * len(whole)
    table, body = struct.pack(">I", len(whole)), b""
    for name, tag in whole.items():
        table += name + struct.pack(">II", start + len(body), len(tag))
        body += tag + bytes(-len(tag) % 4)
    head = struct.pack(">I", start + len(body)) + b"none\x02\x40\0\0" + kind + space + between + bytes(12) + b"acsp"
    return head.ljust(68, b"\0") + xyz_tag(WHITE)[8:] + bytes(48) + table + body


def xyz_tag(colour: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(struct.pack(">i", round(value * 65536)) for value in colour)


def curve_tag(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)


def lut_tag(channels: int, table: bytes) -> bytes:
    """`mft1`: linear curves, and a table with two steps per input channel and three output channels."""
    straight = bytes(range(256))
    matrix = b"".join(struct.pack(">i", 65536 * (row == column)) for row in range(3) for column in range(3))
    return b"mft1" + bytes(4) + bytes([channels, 3, 2, 0]) + matrix + straight * channels + table + straight * 3


def lab(lightness: float, a: float, b: float) -> bytes:
    return bytes([round(lightness * 2.55), round(a) + 128, round(b) + 128])
