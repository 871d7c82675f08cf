from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest

from daemon.media.formats.heif_boxes import (
    MAX_FRAMES,
    HeifBox,
    Properties,
    boxes,
    delays,
    first_content,
    metadata_boxes,
    properties,
    top,
)
from daemon.media.picture.colour_profiles import Coding
from tests.support.media.heif import recoded, save_heic_sequence
from tests.support.media.media_files import save_image, some_frames, some_image


def box(name: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def full(name: bytes, content: bytes = b"", version: int = 0, flags: int = 0) -> bytes:
    return box(name, struct.pack(">I", version << 24 | flags) + content)


def properties_in(content: bytes) -> Properties:
    return properties(metadata_boxes(io.BytesIO(content)))


def meta(owned: dict[int, list[int]], main: int, kept: bytes, *, version: int = 0, wide: int = 0) -> bytes:
    """A `meta` box with pictures by ID, and the indices of the properties of each."""
    table = struct.pack(">I", len(owned))
    for item, places in owned.items():
        table += struct.pack(">I" if version else ">H", item) + bytes([len(places)])
        table += b"".join(struct.pack(">H" if wide else ">B", place) for place in places)
    pitm = full(b"pitm", struct.pack(">I" if version else ">H", main), version)
    return full(b"meta", pitm + box(b"iprp", box(b"ipco", kept) + full(b"ipma", table, version, wide)))


PQ = box(b"colr", b"nclx" + struct.pack(">HHHB", 9, 16, 9, 0x80))
SDR = box(b"colr", b"nclx" + struct.pack(">HHHB", 1, 13, 6, 0x80))


def test_boxes_of_every_length_are_walked() -> None:
    long = struct.pack(">I", 1) + b"long" + struct.pack(">Q", 16 + 3) + b"abc"
    rest = struct.pack(">I", 0) + b"rest" + b"to the end"
    assert list(boxes(box(b"one_", b"1") + long + rest)) == [
        HeifBox(b"one_", b"1"),
        HeifBox(b"long", b"abc"),
        HeifBox(b"rest", b"to the end"),
    ]


@pytest.mark.parametrize(
    "broken", ["", "000000", "00000004 66726565", "00000001 6c6f6e67 0000", "00000001 6c6f6e67" + 16 * "0"]
)
def test_where_a_length_makes_no_sense_the_walk_ends(broken: str) -> None:
    content = box(b"one_") + bytes.fromhex(broken)
    assert list(boxes(content)) == [HeifBox(b"one_", b"")]
    assert [found.name for found in top(io.BytesIO(content), {b"one_"}, 9)] == [b"one_"]


def test_a_box_that_is_cut_off_gives_what_is_there() -> None:
    assert list(boxes(box(b"one_", b"12345")[:-2])) == [HeifBox(b"one_", b"123")]


def test_what_is_described_is_not_read() -> None:
    content = box(b"ftyp", b"heic") + box(b"mdat", b"x" * 1000) + full(b"meta", b"") + box(b"moov", b"")
    assert [found.name for found in metadata_boxes(io.BytesIO(content))] == [b"ftyp", b"meta", b"moov"]
    assert next(top(io.BytesIO(content), {b"mdat"}, 5)) == HeifBox(b"mdat", b"xxxxx")


def test_a_path_leads_into_boxes() -> None:
    content = full(b"meta", box(b"a___", box(b"b___", b"here")))
    assert first_content(boxes(content), b"meta", b"a___", b"b___") == b"here"
    assert first_content(boxes(content), b"meta", b"c___", b"b___") == b""


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("wide", [0, 1])
def test_only_the_main_pictures_own_properties_count(version: int, wide: int) -> None:
    kept = SDR + box(b"irot", b"\1") + PQ
    own = meta({1: [1, 2], 2: [3]}, 2, kept, version=version, wide=wide)
    assert properties_in(own) == Properties(has_transform=False, coding=Coding(9, 16))
    own = meta({1: [1, 2], 2: [3]}, 1, kept, version=version, wide=wide)
    assert properties_in(own) == Properties(has_transform=True, coding=Coding(1, 13))


def test_a_mirrored_picture_is_transposed_too_and_essential_properties_are_found() -> None:
    assert properties_in(meta({7: [0x81]}, 7, box(b"imir", b"\1"))).has_transform
    assert properties_in(meta({7: [0x8001]}, 7, box(b"imir", b"\1"), wide=1)).has_transform


def test_a_profile_in_addition_to_the_code_points_is_ignored() -> None:
    assert properties_in(meta({1: [1, 2]}, 1, box(b"colr", b"prof" + bytes(200)) + PQ)).coding == Coding(9, 16)


@pytest.mark.parametrize("content", [b"", full(b"meta"), meta({1: [9]}, 1, PQ), meta({}, 1, PQ), meta({1: [0]}, 1, PQ)])
def test_what_the_file_does_not_say_is_not_known(content: bytes) -> None:
    assert properties_in(content) == Properties()


@pytest.mark.parametrize("format", ["HEIF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_of_real_files_it_is_known_whether_they_are_rotated(tmp_path: Path, format: str, orientation: int) -> None:
    path = save_image(tmp_path / "a", some_image(1, (64, 48)), format, orientation=orientation)
    assert properties_in(path.read_bytes()) == Properties(has_transform=orientation > 1, coding=Coding(1, 13))
    assert properties_in(recoded(path, 9, 18).read_bytes()).coding == Coding(9, 18)


def test_the_times_of_a_sequence_are_found(tmp_path: Path) -> None:
    path = save_heic_sequence(tmp_path / "a.heics", some_frames(6, 1, (64, 48)), fps=8)
    with path.open("rb") as file:
        assert delays(metadata_boxes(file)) == [0.125] * 6
    moving = tmp_path / "a.avif"
    frames = some_frames(3, 1, (64, 48))
    frames[0].save(moving, save_all=True, append_images=frames[1:], duration=[100, 200, 300])
    with moving.open("rb") as file:
        assert delays(metadata_boxes(file)) == [0.1, 0.2, 0.3]


def track(handler: bytes, table: bytes, scale: int = 1000, version: int = 0) -> bytes:
    stamps = bytes(16 if version else 8)
    header = full(b"mdhd", stamps + struct.pack(">I", scale) + bytes(12), version)
    media = header + full(b"hdlr", bytes(4) + handler + bytes(12)) + box(b"minf", box(b"stbl", full(b"stts", table)))
    return box(b"trak", box(b"mdia", media))


@pytest.mark.parametrize("version", [0, 1])
def test_the_first_track_of_pictures_counts(version: int) -> None:
    table = struct.pack(">III", 1, 2, 500)
    film = box(b"moov", track(b"auxv", struct.pack(">III", 1, 9, 9)) + track(b"pict", table, version=version))
    assert delays(boxes(box(b"ftyp", b"avis") + film)) == [0.5, 0.5]
    assert delays(boxes(box(b"ftyp", b"avif") + film)) == []


def test_a_sequence_that_claims_to_be_endless_is_cut_off() -> None:
    table = struct.pack(">IIIII", 2, 0xFFFFFFFF, 1, 0xFFFFFFFF, 1)
    film = box(b"ftyp", b"msf1") + box(b"moov", track(b"pict", table, scale=0))
    assert len(delays(boxes(film))) == MAX_FRAMES
