"""Small ICC profiles (ICC.1, version 2, RGB by matrix): of known colour spaces, and of one that exchanges channels."""

from __future__ import annotations

import struct

import numpy as np

#: D50, to which all profiles refer.
WHITE = (0.9642, 1.0, 0.8249)
#: Colorants of red, green and blue, adapted to D50.
SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1572, 0.0666, 0.7841))
ADOBE_RGB = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
#: What is stored as red is shown as green, green as blue, blue as red.
SWAPPED = (SRGB[1], SRGB[2], SRGB[0])

Colorants = tuple[tuple[float, float, float], ...]


def profile(colorants: Colorants, gamma: float = 2.2) -> bytes:
    """A profile of three colorants and one transfer curve."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78) + bytes(3),
        b"cprt": b"text" + bytes(4) + b"none\0" + bytes(3),
        b"wtpt": xyz(WHITE),
        b"rXYZ": xyz(colorants[0]),
        b"gXYZ": xyz(colorants[1]),
        b"bXYZ": xyz(colorants[2]),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    table, body, at = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", at + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    size = at + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"none", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + struct.pack(">3i", *map(fixed, WHITE))
    return header + bytes(128 - len(header)) + table + body


def xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *map(fixed, values))


def fixed(value: float) -> int:
    return round(value * 65536)


def stored_in(light: np.ndarray, colorants: Colorants, gamma: float = 2.2) -> np.ndarray:
    """sRGB light (linear, height × width × 3) as uint8 pixels of a file that carries this profile."""
    shown = light @ np.array(SRGB)
    values = np.linalg.solve(np.array(colorants).T, shown.reshape(-1, 3).T).T.reshape(light.shape)
    return np.round(np.clip(values, 0, 1) ** (1 / gamma) * 255).astype(np.uint8)
