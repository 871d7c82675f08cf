"""The largest files that people have, within the decoder's limits. Seconds and memory of each are printed."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from daemon.errors import MediaError
from daemon.media.decoder.rlimits import MEMORY_BYTES
from tests.support.clips import plan
from tests.support.decoders import PeakMemory, decode, decoding
from tests.support.demo_world.scenes import Shown, corner, difference, moving, shown
from tests.support.media.formats.containers import Coding, record
from tests.support.media.formats.long_films import record_long
from tests.support.media.formats.pngs import SIGNATURE, chunk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

#: Of 255; see tests/model/test_video_matrix.py.
NEAR = 8.0
#: What the settings give a file by default (`work.decode_seconds`).
SECONDS = 60.0
HOURS_8 = 8 * 3600

SCENE = shown(corner("orange", "white"))


def measured(path: Path, size: tuple[int, int], truth: Shown, capsys: pytest.CaptureFixture[str]) -> None:
    """AssertionError unless the file shows the truth, within the limits of time and memory."""
    with decoding() as decoder, PeakMemory() as peak_memory:
        decoder.sandbox()
        before = peak_memory.max_bytes()
        began = time.monotonic()
        clip = decode(decoder, path, plan(seconds=SECONDS))
        took, peak = time.monotonic() - began, peak_memory.max_bytes()
    with capsys.disabled():
        print(
            f"\n{path.name}: {size[0]}×{size[1]}, {path.stat().st_size / 1e6:.0f} MB, {len(clip.pictures)} pictures,"
            f" {took:.1f} s, {peak / 1e6:.0f} MB resident ({(peak - before) / 1e6:.0f} MB for the file)"
        )
    assert (clip.media.width, clip.media.height) == size
    whole = truth.seconds if truth.rate else 1.0
    for pixels, at in zip(clip.pictures, clip.timestamps or (0.0,), strict=True):
        frame = truth.frames[min(int(at / whole * len(truth.frames)), len(truth.frames) - 1)]
        assert difference(pixels, frame) < NEAR
    assert took < SECONDS
    assert peak - before < MEMORY_BYTES


def enlarged(size: tuple[int, int]) -> Image.Image:
    return SCENE.picture.resize(size, Image.Resampling.NEAREST)


Write = Callable[[Path, Image.Image], object]
PICTURES: dict[str, tuple[tuple[int, int], Write]] = {
    "108mp.jpg": ((12_000, 9_000), lambda path, picture: picture.save(path, quality=80)),
    "108mp-progressive.jpg": ((12_000, 9_000), lambda path, picture: picture.save(path, quality=80, progressive=True)),
    "200mp.jpg": ((16_320, 12_240), lambda path, picture: picture.save(path, quality=80)),
    "200mp-turned.jpg": ((16_320, 12_240), lambda path, picture: turned(path, picture)),
    "108mp.heic": ((12_000, 9_000), lambda path, picture: picture.save(path, quality=70, tile_size=1024)),
    "200mp.heic": ((16_320, 12_240), lambda path, picture: picture.save(path, quality=70, tile_size=1024)),
    "96mp.webp": ((16_000, 6_000), lambda path, picture: picture.save(path, quality=60, method=0)),
    "96mp.png": ((12_000, 8_000), lambda path, picture: picture.save(path, compress_level=1)),
}


def turned(path: Path, picture: Image.Image) -> None:
    tags = Image.Exif()
    tags[0x0112] = 6
    picture.transpose(Image.Transpose.ROTATE_90).save(path, quality=80, exif=tags)


@pytest.mark.parametrize("name", PICTURES)
def test_a_very_large_picture_is_opened_within_the_limits(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    size, write = PICTURES[name]
    write(tmp_path / name, enlarged(size))
    measured(tmp_path / name, size, SCENE, capsys)


def test_a_picture_of_100_megapixels_of_eight_bytes_is_opened_or_refused_with_the_limit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, size = tmp_path / "100mp-rgba16.png", (10_000, 10_000)
    write_deep_png(path, size)
    with decoding() as decoder, PeakMemory() as peak_memory:
        decoder.sandbox()
        before, began = peak_memory.max_bytes(), time.monotonic()
        try:
            result = f"described at {decode(decoder, path, plan(seconds=SECONDS)).pictures[0].shape}"
        except MediaError as error:
            result = f"{error.code}: {error}"
            assert error.code == "too-large"
        took, peak = time.monotonic() - began, peak_memory.max_bytes()
    with capsys.disabled():
        print(f"\n{path.name}: {result}, {took:.1f} s, {peak / 1e6:.0f} MB resident")
    assert peak - before < MEMORY_BYTES


def write_deep_png(path: Path, size: tuple[int, int]) -> None:
    """Half seen through, sixteen bits a channel, row by row."""
    packer = zlib.compressobj(1)
    row = b"\0" + struct.pack(">4H", 0xFFFF, 0x8000, 0, 0x8000) * size[0]
    packed = b"".join([*(packer.compress(row) for _ in range(size[1])), packer.flush()])
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 16, 6, 0, 0, 0))
    path.write_bytes(SIGNATURE + header + chunk(b"IDAT", packed) + chunk(b"IEND", b""))


EIGHT_K = {
    "8k.mp4": Coding(rate=4),
    "8k-hevc-10.mov": Coding(codec="libx265", pixels="yuv420p10le", rate=4),
    "8k-vp9.webm": Coding(codec="libvpx-vp9", rate=4),
}


@pytest.mark.parametrize("name", EIGHT_K)
def test_a_film_in_8k_is_opened_within_the_limits(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    small = shown(moving("moves to the right", "orange"), seconds=2, rate=4)
    frames = [frame.resize((7680, 4320), Image.Resampling.NEAREST) for frame in small.frames]
    record(tmp_path / name, frames, EIGHT_K[name])
    measured(tmp_path / name, (7680, 4320), small, capsys)


LONG = {
    "8-hours.mp4": Coding(rate=25),
    "8-hours.mkv": Coding(rate=25),
    "8-hours.avi": Coding(codec="mpeg4", rate=25),
    "8-hours.ts": Coding(rate=25),
    "8-hours.flv": Coding(rate=25),
    "8-hours.mpg": Coding(codec="mpeg2video", rate=25),
    "8-hours.wmv": Coding(codec="wmv2", rate=25),
}


@pytest.mark.parametrize("name", LONG)
def test_a_film_of_eight_hours_is_opened_within_the_limits(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is seen is spread over all of it."""
    stills = shown(moving("moves down", "purple"), seconds=16, rate=1, size=(160, 120)).frames
    record_long(tmp_path / name, stills, HOURS_8, LONG[name])
    measured(tmp_path / name, (160, 120), Shown("", stills, len(stills) / HOURS_8), capsys)


@pytest.fixture(autouse=True)
def room_again(tmp_path: Path) -> Iterator[None]:
    """Files of hundreds of megabytes do not stay until the last test's end."""
    yield
    for path in tmp_path.iterdir():
        path.unlink()
