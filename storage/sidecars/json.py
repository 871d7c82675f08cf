"""The full record, for programs. Pure."""

from __future__ import annotations

import json
import re

from storage.records import Description

SUFFIX = b".smolwatch.json"

# What JSON lets stand though it steers terminals or is no text: DEL, C1, direction marks, lone surrogates.
_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def render(description: Description) -> bytes:
    """The record as UTF-8 JSON. Every value is kept as it is; what could do harm is written as its escape."""
    text = json.dumps(description.record(), ensure_ascii=False, indent=2, allow_nan=False)
    return (_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n").encode()


def is_ours(content: bytes) -> bool:
    """Whether this is a record, of whatever version and however laid out."""
    try:
        record = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and {"schema", "smolwatch"} <= record.keys()
