"""Escapes text from outside for the terminal. Stored text stays unchanged."""

from __future__ import annotations

import re

# Control characters (C0, DEL, C1), line and paragraph separators, marks that reverse reading order, lone surrogates.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def safe_text(text: str, *, lines: bool = False) -> str:
    r"""`text` with everything that could control a terminal or forge a line escaped, as in "\x1b" or "\u202e".

    `lines`: keep newlines and tabs. Bytes of a file name that are not UTF-8 are shown as that byte: "\xff".
    """
    return _UNSAFE.sub(lambda found: _escaped(found[0], lines=lines), text)


def _escaped(char: str, *, lines: bool) -> str:
    if lines and char in "\n\t":
        return char
    point = ord(char)
    if 0xDC80 <= point <= 0xDCFF:  # how os.fsdecode carries an undecodable byte
        point -= 0xDC00
    return f"\\x{point:02x}" if point <= 0xFF else f"\\u{point:04x}"
