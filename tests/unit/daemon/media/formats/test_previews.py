from __future__ import annotations

import io
import random

import pytest

from daemon.media.formats.previews import Preview, previews
from tests.support.media.media_files import some_image
from tests.support.media.tiny_raws import jpeg_of

JUNK = random.Random(1).randbytes(2000).replace(b"\xff\xd8", b"  ")
LARGE, SMALL = jpeg_of(some_image(1, (320, 240))), jpeg_of(some_image(2, (64, 48)))


def sizes(content: bytes) -> list[tuple[int, int]]:
    return [found.size for found in previews(content)]


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"optimize": True}])
def test_a_whole_picture_is_found_anywhere(options: dict[str, object]) -> None:
    made = jpeg_of(some_image(1, (320, 240)), **options)
    (found,) = previews(JUNK + made + JUNK)
    assert found == Preview(len(JUNK), len(JUNK) + len(made), (320, 240))


def test_all_are_found_in_the_order_of_the_file() -> None:
    assert sizes(SMALL + JUNK + LARGE + SMALL) == [(64, 48), (320, 240), (64, 48)]


def test_what_is_inside_another_is_passed_over() -> None:
    exif = b"\xff\xe1" + (2 + len(SMALL)).to_bytes(2, "big") + SMALL
    assert sizes(LARGE[:2] + exif + LARGE[2:]) == [(320, 240)]


def test_grey_is_a_picture_too() -> None:
    made = io.BytesIO()
    some_image(1, (320, 240)).convert("L").save(made, "JPEG")
    assert sizes(made.getvalue()) == [(320, 240)]


def frame(marker: int, depth: int = 8, colours: int = 3) -> bytes:
    """The large one, with another compression in its header."""
    content = bytearray(LARGE)
    at = content.index(b"\xff\xc0")
    content[at + 1], content[at + 4], content[at + 9] = marker, depth, colours
    return bytes(content)


@pytest.mark.parametrize("other", [frame(0xC3), frame(0xC9), frame(0xC0, depth=12), frame(0xC0, colours=4)])
def test_what_a_sensor_saw_is_no_preview(other: bytes) -> None:
    assert sizes(other) == []
    assert sizes(other + SMALL) == [(64, 48)]


@pytest.mark.parametrize("length", range(0, len(SMALL) - 2, 37))
def test_one_that_breaks_off_is_no_preview(length: int) -> None:
    assert sizes(SMALL[:length]) == []


def test_a_start_that_leads_nowhere_is_passed_over() -> None:
    assert sizes(b"\xff\xd8\xff\xe0\xff\xff" + b"\xff\xd8\xff\xd9" + b"\xff\xd8\xff\xe0\0\1" + SMALL) == [(64, 48)]


def test_many_false_starts_take_no_time() -> None:
    assert sizes(b"\xff\xd8\xff\xe0\0\2" * 100_000) == []
