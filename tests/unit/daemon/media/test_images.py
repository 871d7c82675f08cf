from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError
from transformers.image_transforms import convert_to_rgb

from daemon.errors import (
    DecoderBrokenError,
    MediaError,
    NotAllowedError,
    OutOfMemoryError,
    TooLargeError,
    UnreadableError,
)
from daemon.media import images
from daemon.media.picture.orientation import TRANSPOSES
from daemon.media.picture.stored_picture import StoredPicture
from storage.description import Media
from storage.records import MediaKind
from tests.support.bombs import gif_of, png_of
from tests.support.clips import plan, read
from tests.support.media.media_files import grey_frames, save_image, save_video, some_image

FORMATS = {
    "JPEG": "jpeg",
    "PNG": "png",
    "WEBP": "webp",
    "GIF": "gif",
    "BMP": "bmp",
    "TIFF": "tiff",
    "HEIF": "heif",
    "AVIF": "avif",
}


def distance(left: np.ndarray, right: Image.Image | np.ndarray) -> float:
    """Mean difference of two pictures of one size, in steps of 256."""
    other = np.asarray(right)
    assert left.shape == other.shape
    return float(np.abs(left.astype(int) - other.astype(int)).mean())


@pytest.mark.parametrize(("format", "name"), FORMATS.items())
def test_every_format_is_read(tmp_path: Path, format: str, name: str) -> None:
    picture = some_image(3, (320, 240))
    clip = read(save_image(tmp_path / "a", picture, format))
    assert clip.media == Media(kind=MediaKind.IMAGE, format=name, width=320, height=240)
    assert clip.timestamps == ()
    assert len(clip.pictures) == 1
    assert clip.pictures[0].dtype == np.uint8
    assert distance(clip.pictures[0], picture) < 5


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_tag_is_obeyed(tmp_path: Path, format: str, orientation: int) -> None:
    picture = Image.new("RGB", (64, 32), "black")
    picture.paste("red", (0, 0, 32, 16))
    clip = read(save_image(tmp_path / "a", picture, format, orientation=orientation))
    shown = picture.transpose(TRANSPOSES[orientation]) if orientation > 1 else picture
    assert (clip.media.width, clip.media.height) == shown.size
    assert distance(clip.pictures[0], shown) < 5


def test_a_broken_orientation_tag_rotates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    some_image().save(path, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\xff\xff")
    assert read(path).media.width == 320


def test_a_large_picture_is_shrunk_and_its_own_size_kept(tmp_path: Path) -> None:
    clip = read(save_image(tmp_path / "a.png", some_image(0, (800, 400))), plan(image_edge=200))
    assert clip.pictures[0].shape == (100, 200, 3)
    assert (clip.media.width, clip.media.height) == (800, 400)


@pytest.mark.parametrize(
    ("format", "seen"), [("GIF", 3), ("WEBP", 3), ("PNG", 3), ("AVIF", 3), ("TIFF", 1), ("MPO", 1)]
)
def test_of_several_frames_all_are_seen_where_they_move_and_else_the_first(
    tmp_path: Path, format: str, seen: int
) -> None:
    path = tmp_path / "a"
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue", "green")]
    frames[0].save(path, format, save_all=True, append_images=frames[1:], **({} if seen == 1 else {"duration": 1000}))
    clip = read(path)
    assert len(clip.pictures) == len(clip.timestamps) or seen == 1
    assert [distance(shown, frame) < 9 for shown, frame in zip(clip.pictures, frames, strict=False)] == [True] * seen


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_shows_as_the_stock_processor_shows_it(tmp_path: Path, mode: str) -> None:
    picture = Image.new("RGBA", (40, 40), (200, 30, 30, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 20, 20))
    picture.paste((0, 0, 200, 128), (20, 20, 40, 40))
    path = tmp_path / "a.png"
    (picture.quantize(8) if mode == "P" else picture.convert(mode)).save(path)
    with Image.open(path) as kept:
        stock = convert_to_rgb(kept, return_numpy=True)
    assert isinstance(stock, np.ndarray)
    assert distance(read(path).pictures[0], stock) == 0
    assert read(path).pictures[0][0, 0].tolist() == [255, 255, 255]


def test_a_gif_with_a_transparent_colour_shows_white_there(tmp_path: Path) -> None:
    picture = Image.new("P", (16, 16), 1)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.paste(0, (0, 0, 8, 16))
    picture.save(tmp_path / "a.gif", transparency=0)
    pixels = read(tmp_path / "a.gif").pictures[0]
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[0, 15].tolist() == [0, 0, 255]


def test_a_print_jpeg_keeps_its_colours(tmp_path: Path) -> None:
    picture = Image.new("RGB", (32, 32), (220, 40, 40))
    path = save_image(tmp_path / "a.jpg", picture.convert("CMYK"), "JPEG")
    assert distance(read(path).pictures[0], picture) < 10


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_few_colours_are_read(tmp_path: Path, mode: str) -> None:
    picture = some_image().convert(mode)
    assert distance(read(save_image(tmp_path / "a.png", picture)).pictures[0], picture.convert("RGB")) == 0


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bits_of_grey_become_eight(tmp_path: Path, suffix: str) -> None:
    ramp = np.linspace(0, 65535, 64, dtype=np.uint16)
    path = save_image(tmp_path / f"a.{suffix}", Image.fromarray(np.tile(ramp, (8, 1))))
    assert read(path).pictures[0][0, :, 1].tolist() == (ramp >> 8).tolist()


def test_grey_of_no_agreed_range_is_stretched(tmp_path: Path) -> None:
    values = np.tile(np.linspace(-1, 3, 9, dtype=np.float32), (4, 1))
    row = read(save_image(tmp_path / "a.tiff", Image.fromarray(values))).pictures[0][0, :, 0]
    assert row[0] == 0 and row[-1] == 255 and sorted(row) == row.tolist()


def test_the_content_counts_and_not_the_name(tmp_path: Path) -> None:
    assert read(save_image(tmp_path / "a.jpg", some_image(), "PNG")).media.format == "png"
    video = save_video(tmp_path / "b.mp4", grey_frames(2))
    assert read(video.rename(tmp_path / "b.jpg")).media.kind is MediaKind.VIDEO


@pytest.mark.parametrize("content", [png_of(12_000, 10_000), png_of(16_000, 16_000), gif_of(65_535, 65_535)])
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bomb.jpg"
    path.write_bytes(content)
    began = time.monotonic()
    with pytest.raises(TooLargeError, match=r"too large \(\d+×\d+\)"):
        read(path)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "HEIF", "AVIF"])
def test_a_truncated_picture_is_refused_with_a_sentence(tmp_path: Path, format: str) -> None:
    path = save_image(tmp_path / "a", Image.effect_noise((200, 200), 60).convert("RGB"), format)
    whole = path.read_bytes()
    for part in range(1, 25):
        path.write_bytes(whole[: max(20, len(whole) * part // 25)])
        with pytest.raises(UnreadableError, match="picture is damaged") as refused:
            read(path)
        assert "(" not in str(refused.value)


def refused_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception) -> MediaError:
    """The MediaError that a reader's exception becomes."""

    def broken(*_: object) -> StoredPicture:
        raise error

    monkeypatch.setitem(images.OPENERS, "png", broken)
    with pytest.raises(MediaError) as refused:
        read(save_image(tmp_path / "a.png", some_image()))
    return refused.value


@pytest.mark.parametrize(
    ("error", "kind", "detail"),
    [
        (OSError("broken data stream"), UnreadableError, "OSError: broken data stream"),
        (RuntimeError("Memory allocation error: 603 bytes"), OutOfMemoryError, "RuntimeError: Memory allocation"),
        (RuntimeError("Memory allocation error: Security limit exceeded"), UnreadableError, "RuntimeError: Memory"),
        (MemoryError(), OutOfMemoryError, ""),
        (PermissionError(13, "Permission denied", "late.py"), DecoderBrokenError, "late.py"),
        (UnidentifiedImageError("cannot identify image file <_io>"), UnreadableError, ""),
        (Image.DecompressionBombError("Image size exceeds limit"), TooLargeError, ""),
    ],
)
def test_what_libraries_say_becomes_a_sentence_for_people(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, kind: type[MediaError], detail: str
) -> None:
    refused = refused_with(monkeypatch, tmp_path, error)
    assert type(refused) is kind
    assert detail in refused.detail
    assert str(error) not in str(refused) or not str(error)


@pytest.mark.parametrize(
    "text",
    [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", b"ffconcat version 1.0\nfile secret.mp4\n", b"hello"],
)
@pytest.mark.parametrize("name", ["a.jpg", "a.mp4"])
def test_text_under_a_pictures_name_is_refused(tmp_path: Path, text: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(text)
    with pytest.raises(NotAllowedError):
        read(path)


@pytest.mark.parametrize("format", FORMATS)
def test_damage_anywhere_is_either_tolerated_or_reported(tmp_path: Path, format: str) -> None:
    path = save_image(tmp_path / "a", some_image(5, (64, 48)), format)
    whole = path.read_bytes()
    rng = np.random.default_rng(7)
    for _ in range(60):
        content = bytearray(whole)
        for at in rng.integers(0, len(content), 6):
            content[at] = rng.integers(0, 256)
        path.write_bytes(content)
        try:
            assert read(path).pictures[0].shape[2] == 3
        except (UnreadableError, NotAllowedError, TooLargeError) as error:
            assert str(error).endswith(".")


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_with_low_memory_the_picture_is_smaller_and_its_own_size_is_still_reported(
    tmp_path: Path, format: str, orientation: int
) -> None:
    path = save_image(tmp_path / "a", some_image(1, (1600, 1200)), format, orientation=orientation)
    full, small = read(path, plan(image_edge=800)), read(path, plan(image_edge=800).smaller())
    assert small.media == full.media
    assert max(small.pictures[0].shape) == 400
    halved = np.asarray(Image.fromarray(full.pictures[0]).resize(small.pictures[0].shape[1::-1]), dtype=float)
    assert np.abs(halved - small.pictures[0]).mean() < 3
