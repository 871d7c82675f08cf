from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.media.live_photo import MAX_BYTES, MAX_READS, LivePhotoHalf, half_at, half_of
from storage.records import MediaKind
from tests.support.live_photo_halves import OTHER, box, metadata
from tests.support.live_photo_halves import video_file as film
from tests.support.media.live_photos import IDENTIFIER, KEY, exif, save_moving, save_still
from tests.support.media.media_files import save_image, save_sound, save_video, some_frames, some_image

APPLES = "com.apple.quicktime.make"


def half(file: Path) -> LivePhotoHalf | None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        return half_at(descriptor)
    finally:
        os.close(descriptor)


def half_in(content: bytes) -> LivePhotoHalf | None:
    """The same for bytes; asserts the read limits."""
    lengths: list[int] = []

    def read(length: int, at: int) -> bytes:
        lengths.append(len(content[at : at + length]))
        return content[at : at + length]

    found = half_of(read, len(content))
    assert sum(lengths[1:]) <= MAX_BYTES
    assert len(lengths) <= MAX_READS + 1
    return found


def identifier(file: Path) -> str | None:
    found = half(file)
    assert found is not None
    return found.identifier


@pytest.mark.parametrize("name", ["a.jpg", "a.heic"])
@pytest.mark.parametrize("order", [">", "<"])
def test_a_picture_carries_the_identifier_in_apples_maker_note(tmp_path: Path, name: str, order: str) -> None:
    file = save_still(tmp_path / name, order=order)
    assert half(file) == LivePhotoHalf(MediaKind.IMAGE, IDENTIFIER, True)


def test_a_picture_of_another_maker_carries_none(tmp_path: Path) -> None:
    assert identifier(save_still(tmp_path / "a.jpg", None)) is None
    assert identifier(save_image(tmp_path / "b.jpg", some_image(), orientation=6)) is None
    assert identifier(save_image(tmp_path / "c.heic", some_image())) is None


@pytest.mark.parametrize(("name", "by_name"), [("a.mov", True), ("a.mp4", False)])
def test_a_film_carries_it_among_its_keys(tmp_path: Path, name: str, by_name: bool) -> None:
    assert half(save_moving(tmp_path / name)) == LivePhotoHalf(MediaKind.VIDEO, IDENTIFIER, by_name)


@pytest.mark.parametrize("version", [b"", bytes(4)], ids=["QuickTime's", "MP4's"])
@pytest.mark.parametrize("wrap", [lambda meta: meta, lambda meta: box(b"udta", meta)], ids=["moov", "udta"])
def test_metadata_stands_in_moov_or_udta_with_or_without_a_version(version: bytes, wrap: object) -> None:
    meta = metadata({"com.apple.quicktime.software": b"18.1", KEY: IDENTIFIER.encode()}, version)
    found = half_in(film(wrap(meta)))  # type: ignore[operator]
    assert found == LivePhotoHalf(MediaKind.VIDEO, IDENTIFIER, True)


def test_a_film_without_ftyp_as_a_phone_exports_it_is_read() -> None:
    whole = film(metadata({KEY: IDENTIFIER.encode()}))
    found = half_in(box(b"wide") + whole[whole.index(b"mdat") - 4 :])
    assert found == LivePhotoHalf(MediaKind.VIDEO, IDENTIFIER, True)


def test_identifiers_are_compared_without_regard_to_case_and_padding() -> None:
    found = half_in(film(metadata({KEY: IDENTIFIER.lower().encode() + b" \0"})))
    assert found is not None
    assert found.identifier == IDENTIFIER


@pytest.mark.parametrize(
    "text", [b"", b"1", b"00000000-0000-0000-0000-000000000000", b"\xff" * 36, b"A" * 101, b"a b c d e"]
)
def test_invalid_identifiers_are_ignored(text: bytes) -> None:
    found = half_in(film(metadata({KEY: text})))
    assert found is not None
    assert found.identifier is None


@pytest.mark.parametrize(
    ("seconds", "words", "by_name"),
    [
        (3.0, {}, True),
        (4.1, {}, False),
        (0.0, {}, False),
        (3.0, {APPLES: b"Apple"}, False),
        (3.0, {"encoder": b"any"}, True),
        (3.0, {APPLES: b"Apple", KEY: b""}, True),
    ],
    ids=["short", "long", "no length", "Apple's own", "another program's", "an empty identifier"],
)
def test_without_an_identifier_a_short_film_that_is_not_apples_may_pair_by_its_name(
    seconds: float, words: dict[str, bytes], by_name: bool
) -> None:
    assert half_in(film(metadata(words), seconds=seconds)) == LivePhotoHalf(MediaKind.VIDEO, None, by_name)


def test_long_durations_in_64_bits_are_read() -> None:
    mvhd = box(b"mvhd", b"\1\0\0\0", bytes(16), struct.pack(">IQ", 600, 600 * 3600), bytes(80))
    found = half_in(box(b"ftyp", b"qt  \0\0\0\0qt  ") + box(b"moov", mvhd))
    assert found == LivePhotoHalf(MediaKind.VIDEO, None, False)


def test_other_formats_are_no_halves(tmp_path: Path) -> None:
    assert half(save_image(tmp_path / "a.png", some_image())) is None
    assert half(save_video(tmp_path / "a.webm", some_frames(8))) is None
    assert half_in(b"hello") is None
    assert half_in(b"") is None


def test_the_exif_item_may_stand_in_the_lists_themselves() -> None:
    block = exif()[6:]
    infe = box(b"infe", b"\2\0\0\0", struct.pack(">HH", 7, 0), b"Exif\0")
    # Version 1; offsets and lengths of four bytes; one item within idat, in one piece.
    iloc = box(b"iloc", b"\1\0\0\0\x44\0", struct.pack(">HHHHHII", 1, 7, 1, 0, 1, 3, 4 + len(block)))
    lists = box(b"iinf", bytes(4), struct.pack(">H", 1), infe), iloc, box(b"idat", b"xyz", bytes(4), block)
    found = half_in(box(b"ftyp", b"heic\0\0\0\0heic") + box(b"meta", bytes(4), *lists))
    assert found == LivePhotoHalf(MediaKind.IMAGE, IDENTIFIER, True)


def test_what_stands_behind_a_megabyte_is_found_by_the_boxes_sizes(tmp_path: Path) -> None:
    whole = save_moving(tmp_path / "a.mov").read_bytes()
    ftyp_ends = struct.unpack(">I", whole[:4])[0]
    spread = whole[:ftyp_ends] + box(b"free", bytes(10**6)) + whole[ftyp_ends:]
    assert half_in(spread) == LivePhotoHalf(MediaKind.VIDEO, IDENTIFIER, True)


def test_a_sound_is_no_picture_and_pairs_with_none(tmp_path: Path) -> None:
    save_sound(tmp_path / "a.mp4")
    assert half(tmp_path / "a.mp4") == LivePhotoHalf(MediaKind.VIDEO, None, False)


@pytest.fixture(scope="module")
def sound_files(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("halves")
    stills = [save_still(folder / name) for name in ("a.jpg", "a.heic")]
    films = [save_moving(folder / name) for name in ("a.mov", "a.mp4")]
    made = [metadata({KEY: IDENTIFIER.encode()}), box(b"udta", metadata({KEY: OTHER.encode()}, bytes(4)))]
    return [*(file.read_bytes() for file in (*stills, *films)), film(*made)]


@given(data=st.data())
def test_no_bytes_make_it_raise_or_read_without_end(sound_files: list[bytes], data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(sound_files)))
    marks = (b"moov", b"meta", b"iloc", b"iinf", b"keys", b"ilst", b"mvhd", b"Exif", b"Apple iOS")
    places = [at for mark in marks if (at := content.find(mark)) >= 0]
    for _ in range(data.draw(st.integers(1, 8))):
        near = data.draw(st.sampled_from(places)) + data.draw(st.integers(-8, 60))
        at = data.draw(st.sampled_from([near, data.draw(st.integers(0, len(content) - 1))])) % len(content)
        patch = data.draw(st.sampled_from([b"\xff" * 8, bytes(8), b"\0\0\0\1", data.draw(st.binary(max_size=8))]))
        content[at : at + len(patch)] = patch
    half_in(bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content))


@given(st.binary(max_size=3000))
def test_nor_do_bytes_that_only_begin_like_one(rest: bytes) -> None:
    for head in (b"\xff\xd8\xff\xe1", box(b"ftyp", b"heic\0\0\0\0heic"), box(b"ftyp", b"qt  \0\0\0\0qt  ")):
        half_in(head + rest)
        half_in(head + box(b"meta", rest))
        half_in(head + box(b"moov", rest))
        half_in(head + box(b"moov", box(b"meta", rest)))


def test_boxes_without_number_end_the_reading() -> None:
    content = box(b"ftyp", b"qt  \0\0\0\0qt  ") + box(b"free") * 100_000 + film()
    assert half_in(content) == LivePhotoHalf(MediaKind.VIDEO, None, False)


def test_an_item_list_that_counts_pieces_of_no_size_ends_at_once() -> None:
    infe = box(b"infe", b"\2\0\0\0", struct.pack(">HH", 60_000, 0), b"Exif\0")
    iloc = box(b"iloc", b"\0\0\0\0\0\0", struct.pack(">H", 65_535), struct.pack(">HHH", 1, 0, 65_535) * 10_000)
    lists = box(b"iinf", bytes(4), struct.pack(">H", 1), infe), iloc
    found = half_in(box(b"ftyp", b"heic\0\0\0\0heic") + box(b"meta", bytes(4), *lists))
    assert found == LivePhotoHalf(MediaKind.IMAGE, None, True)
