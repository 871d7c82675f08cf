from __future__ import annotations

import pytest

from daemon.intake.live_photo_pairs import (
    Partner,
    distance,
    pair_by_name,
    pair_reason,
    possible_partners,
    read_half,
    stem_of,
)
from daemon.media.live_photo import LivePhotoHalf
from storage.records import MediaKind

PICTURE, FILM = (LivePhotoHalf(kind, None, True) for kind in (MediaKind.IMAGE, MediaKind.VIDEO))


def test_the_reason_names_the_other_half_from_the_files_own_folder() -> None:
    partner = Partner(b"/inbox/stills/IMG_1.HEIC", by_name=False)
    assert pair_reason(b"/inbox/films/IMG_1.MOV", False, partner) == (
        "It is the moving half of a Live Photo: described together with its picture, ../stills/IMG_1.HEIC."
    )
    assert pair_reason(b"/inbox/stills/IMG_1.MOV", False, partner).endswith("its picture, IMG_1.HEIC.")


def test_a_pair_by_name_alone_says_so_and_what_to_do() -> None:
    assert pair_reason(b"/inbox/a.jpg", True, Partner(b"/inbox/a.mov", by_name=True)) == (
        "Taken for the picture of a Live Photo, by its name alone: described together with a.mov, which came first. "
        "If it is not, give it another name."
    )


def test_other_halves_are_looked_for_under_the_names_that_they_have() -> None:
    beside = possible_partners(b"/inbox/IMG_1.HEIC")
    assert {b"/inbox/IMG_1.MOV", b"/inbox/IMG_1.mov", b"/inbox/img_1.mov", b"/inbox/IMG_1.MP4"} <= set(beside)
    assert b"/inbox/Beach.JPG" in possible_partners(b"/inbox/Beach.mov")
    assert b"/inbox/BEACH.HEIC" in possible_partners(b"/inbox/Beach.mov")
    assert possible_partners(b"/inbox/a.png") == possible_partners(b"/inbox/mov") == []


def test_the_nearest_is_in_the_same_folder_then_of_the_same_name() -> None:
    paths = [b"/b/IMG_1.HEIC", b"/a/IMG_9.HEIC", b"/a/img_1.heic", b"/b/IMG_0.HEIC"]
    nearest = [b"/a/img_1.heic", b"/a/IMG_9.HEIC", b"/b/IMG_1.HEIC", b"/b/IMG_0.HEIC"]
    assert sorted(paths, key=distance(b"/a/IMG_1.MOV")) == nearest


@pytest.mark.parametrize(
    ("one", "other", "pair"),
    [
        (PICTURE, FILM, True),
        (LivePhotoHalf(MediaKind.IMAGE, "A", True), FILM, True),
        (LivePhotoHalf(MediaKind.IMAGE, "A", True), LivePhotoHalf(MediaKind.VIDEO, "B", True), False),
        (PICTURE, LivePhotoHalf(MediaKind.VIDEO, None, False), False),
    ],
    ids=["no identifier", "one identifier", "two", "a long film"],
)
def test_one_name_makes_a_pair_where_no_two_identifiers_say_otherwise(
    one: LivePhotoHalf, other: LivePhotoHalf, pair: bool
) -> None:
    assert pair_by_name(one, other) is pair


def test_stems_are_compared_without_regard_to_case_and_to_how_accents_are_written() -> None:
    assert stem_of(b"/in/\xc3\xa9T\xc3\xa9.HEIC") == stem_of(b"/in/e\xcc\x81te\xcc\x81.mov")
    assert stem_of(b"/in/a.b.HEIC") != stem_of(b"/in/a.mov")


def test_what_cannot_be_read_is_no_half() -> None:
    assert read_half(b"/nothing/here.mov", 1000) is None
