from __future__ import annotations

import io
import struct
from collections.abc import Sequence

import pytest

from daemon.media.formats import tiff_directories as tags
from daemon.media.formats.tiff_directories import directories, with_first_directory
from tests.support.media.media_files import some_image
from tests.support.media.tiny_raws import Directory, rgb, tiff_of

SMALL = some_image(1, (32, 24))


def found(content: bytes) -> list[tags.Directory]:
    return directories(io.BytesIO(content))


def test_every_directory_in_the_row_and_those_that_hang_from_them_are_found() -> None:
    first = rgb(SMALL, subfile=1)
    first.children = [rgb(some_image(2, (64, 48))), rgb(SMALL, subfile=4)]
    rows = found(tiff_of(first, rgb(SMALL)))
    assert [(one.size, one.nested) for one in rows] == [
        ((32, 24), False),
        ((32, 24), False),
        ((64, 48), True),
        ((32, 24), True),
    ]
    assert [one.is_page for one in rows] == [False, True, True, False]
    assert rows[0].get(tags.PHOTOMETRIC) == 2
    assert rows[0].get(12345) == 0


@pytest.mark.parametrize(
    ("tag", "value", "page"),
    [(254, 0, True), (254, 2, True), (254, 1, False), (254, 5, False), (255, 1, True), (255, 2, False), (255, 3, True)],
)
def test_smaller_versions_and_masks_are_no_pages(tag: int, value: int, page: bool) -> None:
    assert found(tiff_of(Directory({tag: [value]})))[0].is_page is page


@pytest.mark.parametrize(
    ("numbers", "crop"),
    [
        ({50720: [6000, 4000]}, (6000, 4000)),
        ({50720: [12000, 2, 4000, 1]}, (6000, 4000)),
        ({50720: [12000, 0, 4000, 1]}, None),
        ({50720: [1]}, None),
        ({4: [10], 5: [20], 6: [3010], 7: [4020]}, (4000, 3000)),
        ({}, None),
    ],
)
def test_what_is_shown_of_a_sensor_is_known(numbers: dict[int, Sequence[int]], crop: tuple[int, int] | None) -> None:
    assert found(tiff_of(Directory(numbers)))[0].crop == crop


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_both_orders_of_bytes_and_both_lengths_of_offsets_are_read(order: str, big: bool) -> None:
    """With one value inside its entry, and two values at an offset."""
    if big:
        head = struct.pack(f"{order}HHHQ", 43, 8, 0, 16)
        entry = struct.pack(f"{order}HHQI4x", 256, 4, 1, 640) + struct.pack(f"{order}HHQQ", 324, 16, 2, 80)
        content = head + struct.pack(f"{order}Q", 2) + entry + bytes(16) + struct.pack(f"{order}QQ", 7, 1 << 40)
    else:
        head = struct.pack(f"{order}HI", 42, 8)
        entry = struct.pack(f"{order}HHII", 256, 4, 1, 640) + struct.pack(f"{order}HHII", 324, 4, 2, 40)
        content = head + struct.pack(f"{order}H", 2) + entry + bytes(6) + struct.pack(f"{order}II", 7, 1 << 30)
    (one,) = found((b"II" if order == "<" else b"MM") + content)
    assert one.get(tags.WIDTH) == 640
    assert one.tags[tags.TILES] == (7, 1 << (40 if big else 30))


def test_a_row_that_runs_in_a_circle_ends() -> None:
    content = bytearray(tiff_of(rgb(SMALL), rgb(SMALL)))
    last = found(bytes(content))[1].offset
    end = last + 2 + 12 * int.from_bytes(content[last : last + 2], "little")
    content[end : end + 4] = content[4:8]
    assert len(found(bytes(content))) == 2


@pytest.mark.parametrize("length", range(0, 300, 7))
def test_a_file_that_breaks_off_anywhere_raises_nothing(length: int) -> None:
    found(tiff_of(rgb(SMALL))[-300:])
    found(tiff_of(Directory({256: [1], 257: [2], 324: [1, 2, 3]}), rgb(SMALL))[:length])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"II*",
        b"FUJIFILMCCD-RAW ",
        b"\0\0\0\x18ftypcrx \0\0\0\1",
        b"II*\0\xff\xff\xff\xff",
        b"MM\0+\0\x08\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
    ],
)
def test_where_there_are_no_directories_none_are_found(content: bytes) -> None:
    assert [one.tags for one in found(content)] in ([], [{}])


def test_a_file_can_begin_at_another_directory() -> None:
    content = tiff_of(rgb(SMALL), rgb(some_image(2, (64, 48))))
    assert found(with_first_directory(content, found(content)[1].offset))[0].size == (64, 48)
