from __future__ import annotations

import codecs
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from daemon.errors import ForeignError
from daemon.media.foreign import foreign_files, foreign_texts
from daemon.media.foreign.foreign_files import foreign_error, identify
from daemon.media.foreign.foreign_kinds import KINDS, UNSURE_KINDS
from daemon.media.sniff import HEAD_BYTES, sniff
from tests.support.foreign_files import MADE


def named(content: bytes) -> str | None:
    """The code for a file with this content; "media" if smolwatch describes it."""
    head = content[:HEAD_BYTES]
    if sniff(head) is not None:
        return "media"
    found = identify(head)
    return found.code if found else None


@pytest.mark.parametrize("code", MADE)
def test_what_other_programs_write_is_named(code: str) -> None:
    assert named(MADE[code]()) == code


BYTES = [
    ("psd", b"8BPS\0\1" + bytes(6) + b"\0\3\0\0\0\x40\0\0\0\x40\0\x08\0\3"),
    ("psb", b"8BPS\0\2" + bytes(20)),
    ("ai", b"%PDF-1.5\r%\xe2\xe3\xcf\xd3\r\n1 0 obj\r<</Metadata 2 0 R/Creator(Adobe Illustrator 27.0)>>"),
    ("ai", b"%!PS-Adobe-3.0\n%%Creator: Adobe Illustrator(R) 8\n"),
    ("ps", b"%!PS-Adobe-3.0\n%%Title: page\n"),
    ("eps", b"\xc5\xd0\xd3\xc6\x20\0\0\0"),
    ("cur", b"\0\0\2\0\1\0\x20\x20\0\0\1\0\1\0\x30\1\0\0\x16\0\0\0"),
    ("ani", b"RIFF\0\1\0\0ACON"),
    ("cdr", b"RIFF\0\1\0\0CDRB"),
    ("jxr", b"II\xbc\1\x20\0\0\0"),
    ("exr", b"\x76\x2f\x31\1\2\0\0\0channels\0"),
    ("hdr", b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n"),
    ("xcf", b"gimp xcf v011\0"),
    ("qoi", b"qoif\0\0\0\x40\0\0\0\x40\3\0"),
    ("dicom", bytes(128) + b"DICM\2\0\0\0UL"),
    ("fits", b"SIMPLE  =                    T"),
    ("bpg", b"BPG\xfb\x20\0"),
    ("crw", b"II\x1a\0\0\0HEAPCCDR\2\0"),
    ("heif", b"\0\0\0\x18ftypmif1\0\0\0\0mif1miaf"),
    ("djvu", b"AT&TFORM\0\0\1\0DJVU"),
    ("mp3", b"ID3\4\0\0\0\0\0\x17" + bytes(40)),
    ("m4b", b"\0\0\0\x18ftypM4B \0\0\0\0M4B mp42"),
    ("m4p", b"\0\0\0\x18ftypM4P \0\0\0\0M4P mp42"),
    ("ogg", b"OggS\0\2" + bytes(20) + b"\1\x1e\1vorbis"),
    ("amr", b"#!AMR\n\x3c"),
    ("midi", b"MThd\0\0\0\6\0\1\0\2\0\x60"),
    ("realmedia", b".RMF\0\0\0\x12\0\1"),
    ("swf", b"CWS\x0a\0\1\0\0x\x9c"),
    ("h264", b"\0\0\0\1\x67\x64\0\x1f"),
    ("ole", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)),
    ("rtf", b"{\\rtf1\\ansi hello}"),
    ("mobi", b"A_book" + bytes(54) + b"BOOKMOBI"),
    ("apple-double", b"\0\5\x16\7\0\2\0\0Mac OS X"),
    ("disc-index", b"MPLS0200\0\0\0\x3a"),
    ("disc-index", b"DVDVIDEO-VTS\0\0\0"),
    ("seven-zip", b"7z\xbc\xaf\x27\x1c\0\4"),
    ("rar", b"Rar!\x1a\7\1\0"),
    ("disk-image", b"QFI\xfb\0\0\0\3"),
    ("disk-image", bytes(512) + b"EFI PART\0\0\1\0"),
    ("program", b"\x7fELF\2\1\1\0"),
    ("program", b"\xcf\xfa\xed\xfe\7\0\0\1"),
    ("program", b"MZ\x90\0" + bytes(56) + b"\x80\0\0\0" + bytes(64) + b"PE\0\0"),
    ("script", b"#!/bin/sh\necho beach\n"),
    ("access", b"\0\1\0\0Standard Jet DB\0"),
    ("font", b"\0\1\0\0\0\x0f\0\x80\0\3\0\x70GDEF"),
    ("font", b"wOF2\0\1\0\0"),
    ("torrent", b"d8:announce40:udp://tracker.example/1"),
    ("svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
    ("svg", b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a tree -->\n<!DOCTYPE svg>\n<svg width="9">'),
    ("xmp", b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'),
    ("xmp", b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'),
    ("html", b"<!DOCTYPE html>\n<title>beach</title>"),
    ("html", b'<?xml version="1.0"?>\n<html xmlns="http://www.w3.org/1999/xhtml">'),
    ("gps", b'<?xml version="1.0"?>\n<gpx version="1.1">'),
    ("playlist", b"#EXTM3U\n#EXTINF:1,Song\nsong.mp3\n"),
    ("srt", b"1\r\n00:00:01,000 --> 00:00:02,000\r\nHello\r\n"),
    ("vtt", b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n"),
    ("ass", b"[Script Info]\nTitle: Beach\n"),
    ("vobsub", b"# VobSub index file, v7\n"),
    ("lrc", b"[ti:Song]\n[00:01.00]La\n"),
    ("sidecar", b"[Version]\nAppVersion=5.9\n"),
    ("shortcut", b"[InternetShortcut]\r\nURL=https://example.org/\r\n"),
    ("vcard", b"BEGIN:VCARD\nVERSION:3.0\n"),
    ("calendar", b"BEGIN:VCALENDAR\nVERSION:2.0\n"),
    ("xpm", b"/* XPM */\nstatic char *x[] = {"),
    ("csv", b"name;place\nbeach;Sylt\ntree;Harz\n"),
    ("text", "Grüße vom Strand, Mama.\n".encode()),
    ("text", "Grüße vom Strand\n".encode("latin-1")),
    ("text", ("Привет с моря. " * 9).encode("cp1251")),
    ("text", codecs.BOM_UTF16_LE + "Grüße".encode("utf-16-le")),
    ("text", ("ü" * 3000).encode()[: HEAD_BYTES - 1]),
    ("text", b"# Beach\n\nA *long* walk.\n"),
    ("text", b"\n"),
]


@pytest.mark.parametrize(("code", "head"), BYTES)
def test_a_file_is_named_by_its_first_bytes(code: str, head: bytes) -> None:
    assert named(head) == code


@pytest.mark.parametrize(
    "head",
    [
        b"",
        bytes(HEAD_BYTES),
        b"\xff\xfb",
        b"\xff\xfb\x90\x64" + bytes(1000),
        b"RIFF\0\0\0\0",
        b"\0\0\1\0\0\0",
        random.Random(13).randbytes(HEAD_BYTES),
        b"\x93NUMPY\1\0v\0{'descr': '<f8'}",
    ],
)
def test_what_is_not_known_has_no_name(head: bytes) -> None:
    assert named(head) is None


STARTS = [
    *(start + bytes(offset) for offset, start, _ in foreign_files.SIGNATURES if not offset),
    *(bytes(offset) + start for offset, start, _ in foreign_files.SIGNATURES),
    b"",
    b"PK\x03\x04",
    b"OggS",
    b"FORM",
    b"RIFF",
    b"%PDF-",
    b"\xff\xfb",
    b"\xff\xf1",
    b"\0\0\0\x18ftyp",
    b"<?xml",
    b"\xff\xfe",
    b"From ",
]


@given(st.sampled_from(STARTS), st.binary(max_size=HEAD_BYTES))
def test_no_bytes_make_it_raise(start: bytes, rest: bytes) -> None:
    head = (start + rest)[:HEAD_BYTES]
    found = identify(head)
    assert found is None or found is KINDS[found.code]
    assert foreign_error(head).code == "not-allowed"


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]), min_size=1))
def test_every_text_is_named(text: str) -> None:
    assert named(text.encode()) is not None


@given(st.sampled_from("<[{#1 f"), st.integers(0, 40))
def test_the_worst_text_takes_no_longer_than_another(sign: str, length: int) -> None:
    identify((f"{sign}a: " * HEAD_BYTES)[: HEAD_BYTES - length].encode())


def test_every_code_that_can_come_out_has_its_words() -> None:
    found = {code for _, _, code in foreign_files.SIGNATURES} | {code for _, code in foreign_files.PATTERNS}
    found |= {
        code
        for _, code in (*foreign_files.OGG, *foreign_files.MIMETYPES, *foreign_files.ENTRIES, *foreign_texts.PATTERNS)
    }
    found |= {*foreign_files.RIFF.values(), *foreign_files.IFF.values(), *foreign_files.BRANDS.values()}
    assert found <= set(KINDS)


def test_words_are_sentences_for_people() -> None:
    for kind in KINDS.values():
        assert kind.sentence.startswith("It ") and kind.sentence.endswith(".")
        assert kind.label.startswith(("a ", "an "))
        assert kind.advice.endswith(".")
        assert "smolwatch run" not in kind.advice and "retry" not in kind.advice
        assert not kind.plural.startswith("a ")
    assert KINDS["psd"].sentence == "It is a Photoshop file (PSD), which smolwatch does not open."
    assert KINDS["psd"].advice == "Export it as JPEG or PNG into the inbox."
    assert KINDS["mp3"].singular == "song (MP3)"


def test_a_refusal_has_a_kind_of_its_own_for_unknown_files() -> None:
    def refused(head: bytes) -> ForeignError:
        return foreign_error(head)

    assert refused(b"8BPS\0\1").kind == "psd"
    assert {refused(bytes(100)).kind, refused(b"\1\2\3").kind} == UNSURE_KINDS
    assert "zeros" in str(refused(bytes(100)))
    assert str(refused(b"\1\2\3")) == "It is a kind of file that smolwatch does not recognise."


def test_a_real_photo_is_none_of_them(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "x.jpg")
    assert named((tmp_path / "x.jpg").read_bytes()) == "media"
