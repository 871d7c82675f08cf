from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from config.safe_text import safe_text


def test_ordinary_text_of_any_language_stays_as_it_is() -> None:
    text = "Ein Käfer – 漢字, مرحبا, 👩‍👩‍👧 and <b>markup</b>"
    assert safe_text(text) == text


def test_control_characters_are_written_out() -> None:
    assert safe_text("\x1b[31mred\x00\x7f\x9b") == r"\x1b[31mred\x00\x7f\x9b"


def test_marks_that_reverse_reading_order_are_written_out() -> None:
    assert safe_text("photo\u202egpj.exe\u2066\u200f") == r"photo\u202egpj.exe\u2066\u200f"


def test_newlines_and_tabs_stay_only_where_several_lines_are_wanted() -> None:
    assert safe_text("one\n\ttwo\r") == r"one\x0a\x09two\x0d"
    assert safe_text("one\n\ttwo\r", lines=True) == "one\n\ttwo\\x0d"


def test_a_byte_that_was_no_utf8_is_shown_as_that_byte() -> None:
    assert safe_text(os.fsdecode(b"bad\xff.jpg")) == r"bad\xff.jpg"


def test_another_lone_surrogate_is_written_out() -> None:
    assert safe_text("\ud83d") == r"\ud83d"


@given(st.text(st.characters()))
def test_whatever_comes_in_what_comes_out_is_one_printable_line(text: str) -> None:
    safe = safe_text(text)
    assert len(safe.splitlines()) <= 1
    assert "\x1b" not in safe
    safe.encode("utf-8")


@given(st.text(st.characters()))
def test_making_text_safe_twice_changes_nothing_more(text: str) -> None:
    assert safe_text(safe_text(text)) == safe_text(text)
