from __future__ import annotations

import unicodedata
from itertools import islice
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.inboxes import InboxSettings
from config.safe_text import safe_text
from daemon.fetching.file_names import names_for
from daemon.intake.filters import Filters
from daemon.media.sniff import image, video

FORMATS = [image("jpeg"), image("png"), image("heif"), image("tiff"), video("mp4"), video("mkv")]
HOSTILE = st.sampled_from(
    ["../", "..", "/", "\0", "\x1b[2J", "\u202e", "\n", ".", "-", "~syncthing~", ".sw-", ".tmp", ".part", ".md", ".jpg"]
)
STRANGE = st.sampled_from(
    [".smolwatch.json", "Thumbs.db", "desktop.ini", "._", "CON", "é", "\ud83d", "漢", "💥", " ", "%2f", "\\", ":"]
)
paths = st.lists(HOSTILE | STRANGE | st.text(max_size=8), max_size=40).map("".join)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/beach.jpg", "beach.jpg"),
        ("/a/Beach%20day.JPEG", "Beach day.JPEG"),
        ("/strand/m%C3%A4rz.png", "märz.png"),
        ("/a/beach", "beach.png"),
        ("/a/beach.php", "beach.php.png"),
        ("/a/beach.jpg/", "beach.jpg"),
        ("/", "image.png"),
        ("", "image.png"),
        ("/.jpg", "image.jpg"),
        ("/..%2f..%2fetc%2fpasswd", "passwd.png"),
        ("/-rf.png", "rf.png"),
        ("/.hidden.png", "hidden.png"),
        ("/x.part", "x.part.png"),
        ("/%1b%5b2J.png", "2J.png"),
    ],
)
def test_the_urls_last_part_becomes_the_name(path: str, name: str) -> None:
    assert next(names_for(path, image("png"))) == name


def test_a_taken_name_gets_a_number() -> None:
    assert list(islice(names_for("/beach.jpg", image("jpeg")), 3)) == ["beach.jpg", "beach-2.jpg", "beach-3.jpg"]


@given(paths, st.sampled_from(FORMATS), st.booleans())
def test_every_name_is_safe_and_one_that_the_intake_takes(path: str, format, quoted: bool) -> None:  # type: ignore[no-untyped-def]
    typed = quote(path, errors="replace") if quoted else path
    filters = Filters(InboxSettings())
    for name in islice(names_for(typed, format), 3):
        assert "/" not in name
        assert "\\" not in name
        assert not name.startswith((".", "-", "~"))
        assert safe_text(name) == name == unicodedata.normalize("NFC", name)
        assert len(name.encode()) < 200
        assert filters.reject_file(name.encode()) is None
