from __future__ import annotations

import pytest

from daemon.intake import filters, refusal_texts, settling
from daemon.media.foreign.foreign_kinds import KINDS
from storage.records import Refusal
from tests.fakes.clock import START

COUNTS: refusal_texts.Counts = {
    ("not-allowed", "mp3"): 200,
    ("not-allowed", "flac"): 100,
    ("not-allowed", "pdf"): 80,
    ("not-allowed", "text"): 32,
    ("not-downloaded", None): 2,
    ("no-access", None): 1,
    ("live-photo", None): 7,
    ("ignored-name", None): 9,
}


def refused(code: str, kind: str | None = None, reason: str = "") -> Refusal:
    return Refusal(path=b"/inbox/x", code=code, reason=reason, at=START, kind=kind)


def test_what_is_never_described_is_counted_apart_from_what_waits() -> None:
    assert refusal_texts.skipped(COUNTS) == {"mp3": 200, "flac": 100, "pdf": 80, "text": 32}
    assert refusal_texts.waiting(COUNTS) == {"not-downloaded": 2, "no-access": 1}
    assert refusal_texts.waiting_text(refusal_texts.waiting(COUNTS)) == "2 not downloaded, 1 not readable"


def test_kinds_of_one_family_are_counted_together() -> None:
    assert refusal_texts.skipped_text(refusal_texts.skipped(COUNTS)) == "300 songs, 80 PDF documents, 32 text files"


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        ({}, ""),
        ({"psd": 1}, "1 Photoshop file (PSD)"),
        ({"empty": 2, "symlink": 1}, "2 empty files, 1 symbolic link"),
        ({"text": 12_345}, "12,345 text files"),
        ({"from a later version": 2}, "2 files of unknown kinds"),
        (
            {"mp3": 9, "pdf": 8, "text": 7, "zip": 6, "psd": 5, "svg": 4, "font": 3},
            "9 songs, 8 PDF documents, 7 text files, 6 archives, 5 Photoshop files, 7 others",
        ),
        (
            {"mp3": 9, "pdf": 8, "text": 7, "zip": 6, "psd": 5, "svg": 1},
            "9 songs, 8 PDF documents, 7 text files, 6 archives, 5 Photoshop files, 1 other",
        ),
    ],
)
def test_a_summary_line_stays_short(kinds: dict[str, int], words: str) -> None:
    assert refusal_texts.skipped_text(kinds) == words


@pytest.mark.parametrize("code", ["own-file", "ignored-name", "ignored-folder", "some-rule-to-come"])
def test_rejections_by_name_are_not_stored(code: str) -> None:
    assert not refusal_texts.is_kept(code)


def test_a_noted_refusal_is_stored() -> None:
    rejections = [filters.SYMLINK, filters.NOT_REGULAR, filters.PLACEHOLDER]
    rejections += [filters.Rejection(one.code, "") for one in (settling.COPYING, settling.BEING_WRITTEN)]
    assert all(refusal_texts.is_kept(one.code) for one in rejections)
    assert filters.SYMLINK.code == refusal_texts.SYMLINK


def test_the_sentence_is_the_refusals_own_or_its_kinds() -> None:
    assert refusal_texts.sentence_of(refused("symlink", reason="A link.")) == "A link."
    assert refusal_texts.sentence_of(refused("not-allowed", "psd")) == KINDS["psd"].sentence
    assert "does not recognise" in refusal_texts.sentence_of(refused("not-allowed", "from a later version"))


def test_advice_is_given_for_what_is_skipped_alone() -> None:
    assert refusal_texts.advice_of(refused("not-allowed", "psd")) == "Export it as JPEG or PNG into the inbox."
    assert refusal_texts.advice_of(refused("too-large", reason="Too large.")).startswith("Put a smaller copy")
    assert refusal_texts.advice_of(refused("not-downloaded", reason="Waiting.")) == ""
    assert refusal_texts.advice_of(refused("live-photo", reason="With x.")) == ""
