from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.media.sniff import HEAD_BYTES, MEDIA_SUFFIXES, sniff
from storage.records import MediaKind
from tests.support.media.media_files import grey_frames, save_image, save_video, some_image

IMAGES = {"jpg": "jpeg", "png": "png", "webp": "webp", "gif": "gif", "bmp": "bmp", "tiff": "tiff", "heic": "heif"}
VIDEOS = {"mp4": "mp4", "mov": "mov", "mkv": "mkv", "webm": "webm", "avi": "avi"}


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    body = b"ftyp" + major + bytes(4) + b"".join(compatible)
    return (len(body) + 4).to_bytes(4, "big") + body + b"\0\0\0\x08free"


@pytest.mark.parametrize(("suffix", "name"), IMAGES.items())
def test_a_picture_is_known_by_its_first_bytes(tmp_path: Path, suffix: str, name: str) -> None:
    found = sniff(save_image(tmp_path / f"a.{suffix}", some_image()).read_bytes()[:HEAD_BYTES])
    assert found is not None
    assert (found.name, found.kind) == (name, MediaKind.IMAGE)


@pytest.mark.parametrize(("suffix", "name"), VIDEOS.items())
def test_a_video_is_known_by_its_first_bytes(tmp_path: Path, suffix: str, name: str) -> None:
    found = sniff(save_video(tmp_path / f"a.{suffix}", grey_frames(2)).read_bytes()[:HEAD_BYTES])
    assert found is not None
    assert (found.name, found.kind) == (name, MediaKind.VIDEO)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (ftyp(b"heic", b"mif1", b"heic"), "heif"),
        (ftyp(b"mif1", b"mif1", b"heic"), "heif"),
        (ftyp(b"msf1", b"hevc"), "heif"),
        (ftyp(b"mif1", b"avif", b"miaf"), "avif"),
        (ftyp(b"mif1", *[b"xxxx"] * 20, b"heic"), "heif"),
        (ftyp(b"avif", b"mif1"), "avif"),
        (ftyp(b"mif1", b"miaf"), None),
        (ftyp(b"crx ", b"isom"), "raw"),
        (ftyp(b"jp2 "), None),
        (ftyp(b"M4A ", b"isom"), None),
        (b"\0\0\0\x08free" + ftyp(b"isom"), "mp4"),
        (b"\0\0\0\x0cuuid\1\1\1\1" + ftyp(b"heic"), "heif"),
        (b"\0\1\0\0free", "mov"),
        (b"\0\0\0\0skip", "mov"),
        (b"\0\0\0\x08xxxx" + ftyp(b"isom"), None),
        ((b"G" + bytes(187)) * 3, "mpegts"),
        ((bytes(4) + b"G" + bytes(187)) * 3, "mpegts"),
        (b"GGGG is no broadcast" + bytes(600), None),
        (b"G" * 40, None),
        (b"\x1f\x07\x00\xbf" + bytes(76) + b"\x3f\x07\x00", "dv"),
        (b"\x1f\x07\x00\x3f" + bytes(76) + b"\x1f\x07\x00", None),
        (b"OggS" + bytes(24) + b"\x01vorbis", None),
        (b"OggS" + bytes(24) + b"\x80theora", "ogg"),
        (ftyp(b"qt  ", b"qt  "), "mov"),
        (ftyp(b"isom", b"iso2", b"mp41"), "mp4"),
        (ftyp(b"3gp4", b"isom"), "mp4"),
        (b"\0\0\0\x08wide\0\0\x10\0mdat", "mov"),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"BM is how this note begins, and it is no bitmap", None),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", None),
        (b"ffconcat version 1.0\nfile secret.mp4\n", None),
        (b"#EXTM3U\n/etc/secret.mp4\n", None),
        (b"", None),
    ],
)
def test_brands_and_lookalikes_are_distinguished(head: bytes, name: str | None) -> None:
    found = sniff(head)
    assert (found.name if found else None) == name


NEW = {"avif", "jxl", "raw", "mpegts", "mpeg", "mpegvideo", "asf", "flv", "ogg", "mxf", "dv"}
BEGINNINGS = [
    b"",
    b"OggS",
    b"G",
    b"\0\0\0\x08free",
    b"\xff\xd8\xff",
    b"RIFF",
    b"BM",
    b"\0\0\0\x18ftyp",
    b"\xff\xff\xff\xffftypmif1",
    b"\x1a\x45\xdf\xa3",
]


@given(st.sampled_from(BEGINNINGS), st.binary(max_size=HEAD_BYTES))
def test_no_bytes_make_it_raise(beginning: bytes, rest: bytes) -> None:
    found = sniff(beginning + rest)
    assert found is None or found.name in {*IMAGES.values(), *VIDEOS.values(), *NEW}


def test_every_suffix_is_lower_case_with_a_dot() -> None:
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in MEDIA_SUFFIXES)
    assert {f".{suffix}" for suffix in (*IMAGES, *VIDEOS)} <= MEDIA_SUFFIXES
