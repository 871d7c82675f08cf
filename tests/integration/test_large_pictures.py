"""Pictures as large as the limits allow, through the real decoder process with its 2 GiB of memory."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from daemon.errors import TooLargeError
from daemon.media.decoder.decoder import Decoder
from tests.support.bombs import chunk, png_of
from tests.support.decoders import decode, decoding
from tests.support.media.media_files import save_image

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

RED, BLUE = (220, 30, 30), (30, 30, 220)


def halves(mode: str, width: int, height: int) -> Image.Image:
    """The left half red, the right one blue, or what a mode makes of these."""
    picture = Image.new("RGB", (2, 1))
    picture.putdata([RED, BLUE])
    if mode == "LAB":
        return picture.convert("RGB").resize((width, height), Image.Resampling.NEAREST).convert(mode)
    return picture.convert(mode).resize((width, height), Image.Resampling.NEAREST)


def png_of_sixteen_bits(path: Path, width: int, height: int) -> Path:
    """Red, green, blue and alpha of 16 bits each, which no library here writes."""
    row = np.zeros((width, 4), ">u2")
    row[: width // 2], row[width // 2 :] = ([*RED, 255], [*BLUE, 255])
    line = b"\0" + (row * 257).tobytes()
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(line) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 16, 6, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b""))
    return path


def saved(mode: str, width: int, height: int, **options: Any) -> Callable[[Path], Path]:
    return lambda path: save_image(path, halves(mode, width, height), **options)


def moving(path: Path) -> Path:
    frames = [halves("P", 9_900, 9_900), halves("P", 9_900, 9_900).transpose(Image.Transpose.ROTATE_90)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=1000, optimize=False)
    return path


LARGE: dict[str, tuple[tuple[int, int], Callable[[Path], Path]]] = {
    "108.jpg": ((12_000, 9_000), saved("RGB", 12_000, 9_000)),
    "200.jpg": ((16_320, 12_240), saved("RGB", 16_320, 12_240, progressive=True, subsampling=0)),
    "inks.jpg": ((10_000, 10_000), saved("CMYK", 10_000, 10_000)),
    "200.heic": ((16_384, 12_288), saved("RGB", 16_384, 12_288, tile_size=512, enc_params={"preset": "ultrafast"})),
    "99.webp": ((16_000, 6_200), saved("RGB", 16_000, 6_200, method=0)),
    "alpha.webp": ((12_000, 8_000), saved("RGBA", 12_000, 8_000, lossless=True, method=0, quality=0)),
    "deep.png": ((10_000, 10_000), lambda path: png_of_sixteen_bits(path, 10_000, 10_000)),
    "palette.png": ((10_000, 10_000), saved("P", 10_000, 10_000)),
    "96.avif": ((12_000, 8_000), saved("RGBA", 12_000, 8_000, speed=10)),
    "lab.tiff": ((10_000, 10_000), saved("LAB", 10_000, 10_000, compression="tiff_adobe_deflate")),
    "plain.bmp": ((10_000, 10_000), saved("RGB", 10_000, 10_000)),
    "moving.gif": ((9_900, 9_900), moving),
}


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    with decoding() as made:
        yield made


@pytest.mark.parametrize("name", LARGE)
def test_a_picture_as_large_as_is_allowed_is_opened(decoder: Decoder, tmp_path: Path, name: str) -> None:
    size, make = LARGE[name]
    clip = decode(decoder, make(tmp_path / name))
    assert (clip.media.width, clip.media.height) == size
    pixels = clip.pictures[0].astype(int)
    height, width = pixels.shape[:2]
    left, right = pixels[height // 2, width // 8], pixels[height // 2, -width // 8]
    assert left[0] > left[2] + 80 and right[2] > right[0] + 80
    assert max(width, height) in (2048, 512)  # and not half of that, for want of memory


@pytest.mark.parametrize("name", ["a.png", "a.heic"])
def test_a_larger_one_is_refused_with_its_size_and_the_limit(decoder: Decoder, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "a.png":
        path.write_bytes(png_of(10_001, 10_000))
    else:
        save_image(path, Image.new("L", (11_000, 9_100)), enc_params={"preset": "ultrafast"})
    with pytest.raises(TooLargeError, match=r"too large \(1\d+×\d+\); the limit is 100 megapixels\."):
        decode(decoder, path)
