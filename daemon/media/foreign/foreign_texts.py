"""Identifies text files by their first lines. Pure."""

from __future__ import annotations

import codecs
import re

#: Control characters that no text contains: all but tab, line ends, page break and escape.
CONTROL_CHARACTERS = re.compile(r"[\x00-\x07\x0b\x0e-\x1a\x1c-\x1f\x7f]")

#: What the text begins with after white space (pattern, code), ignoring case. The first match wins.
PATTERNS = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), code)
    for pattern, code in (
        (r"<svg\b|(<\?xml|<!--|<!doctype svg).*?<svg\b", "svg"),
        (r"<\?xpacket|(<\?xml.*?)?<x:xmpmeta", "xmp"),
        (r"<\?xml.*?<plist.*?<key>adjustment", "aae"),
        (r"<!doctype html|<html\b|<\?xml.*?<html\b", "html"),
        (r"#extm3u|\[playlist\]|<\?wpl|<asx\b|<smil\b|(<\?xml.*?)?<playlist\b", "playlist"),
        (r"(<\?xml.*?)?<(gpx|kml)\b", "gps"),
        (r"<\?xml|<[a-z][\w:.-]*(\s[^<>]*)?/?>", "xml"),
        (r"\d+\s*\n\d+:\d\d:\d\d[,.]\d+ --> ", "srt"),
        (r"webvtt\b", "vtt"),
        (r"\[script info\]", "ass"),
        (r"# vobsub index|\{\d+\}\{\d+\}", "vobsub"),
        (r"\[(ti|ar|al|by|offset):|\[\d\d:\d\d[.:]\d\d\]", "lrc"),
        (r"\[version\]\s*appversion=|sidecar = \{", "sidecar"),
        (r"\[internetshortcut\]|\[desktop entry\]", "shortcut"),
        (r"/\* xpm \*/", "xpm"),
        (r"#define \w+_width \d+", "xbm"),
        (r"begin:vcard", "vcard"),
        (r"begin:vcalendar", "calendar"),
        (r"(from |[a-z][\w-]*: )([^\n]*\n)*?(message-id|mime-version|received|return-path): ", "email"),
        (r"[{\[]\s*(\"|[{\[\]}]|-?\d)", "json"),
    )
)
#: A shorter file that is not UTF-8 counts as text only if half of it is ASCII.
MIN_BYTES = 64
#: Minimum count per line for each separator. In a table all first lines have the same count; prose has commas too.
SEPARATORS = {",": 2, ";": 1, "\t": 1}
TABLE_LINES = 5


def identify_text(head: bytes) -> str | None:
    """The code of the text's kind; None if it is not text."""
    text = decode(head)
    if not text:
        return None
    text = text.lstrip()
    found = next((code for pattern, code in PATTERNS if pattern.match(text)), None)
    return found or ("csv" if is_table(text) else "text")


def decode(head: bytes) -> str | None:
    """As UTF-8, UTF-16 with a BOM, or Latin-1; None if it contains characters that no text has.

    The last character may be cut off. Uses `codecs` functions that import nothing, for use in the sandbox.
    """
    is_wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = (codecs.utf_16_decode if is_wide else codecs.utf_8_decode)(head, "strict", False)[0]
    except UnicodeDecodeError:
        # A legacy 8-bit encoding. Compressed or encrypted data would contain control characters.
        if len(head) < MIN_BYTES and sum(byte < 0x80 for byte in head) * 2 < len(head):
            return None
        text = head.decode("latin-1")
    return None if CONTROL_CHARACTERS.search(text) else text.removeprefix("\ufeff")


def is_table(text: str) -> bool:
    lines = text.splitlines()[:TABLE_LINES]
    if len(lines) < 2:
        return False
    return any(
        len(counts := {line.count(sign) for line in lines}) == 1 and max(counts) >= least
        for sign, least in SEPARATORS.items()
    )
