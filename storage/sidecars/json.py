"""The full record, for programs. Pure.

Five keys are the file's own, and in no database: "written" holds the marks of what we wrote; "model_answers" holds the
model's words where those of a person stand in "answers"; "words_about" tells for each word of a person that was written
about other bytes than the record is about, about which; "earlier" holds the records that were there before, newest
first, where sidecars are appended to.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator
from typing import Any

from storage.description import Description
from storage.sidecars import merging
from storage.sidecars.merging import About, Field

SUFFIX = b".smolwatch.json"
WRITTEN, MODEL_ANSWERS, WORDS_ABOUT, EARLIER = "written", "model_answers", "words_about", "earlier"
#: Keys of the record that state facts: always ours. Every other key is a field, in which a person may write.
FACTS = {"schema", "smolwatch", "described_at", "file", "media", "quality", "model", "recipe", "stats"}
#: What a field's name begins with: an answer's, and that of any other key.
ANSWER, OTHER = "answers/", "/"

# What JSON lets stand though it steers terminals or is no text: DEL, C1, direction marks, lone surrogates.
_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def render(description: Description) -> bytes:
    record = description.record()
    return encode(record | {WRITTEN: merging.own_marks(fields(record))})


def is_ours(content: bytes) -> bool:
    """Whether this is a record, of whatever version and however laid out, that can be written again without a loss."""
    return read(content) is not None


def about(content: bytes) -> About:
    record = record_in(content)
    return About(digest_of(record), str(record.get("described_at", "")))


def has_edits(content: bytes) -> bool:
    record = record_in(content)
    return EARLIER in record or bool(merging.edited_fields(fields(record), record.get(WRITTEN, [])))


def fill(content: bytes, description: Description) -> bytes:
    old, new = record_in(content), description.record()
    standing, written = fields(old), set(old.get(WRITTEN, []))
    merged = merging.fill(standing, written, fields(new))
    values = {field.name: json.loads(field.content) for field in merged}
    answers = {name.removeprefix(ANSWER): value for name, value in values.items() if name.startswith(ANSWER)}
    others = {name.removeprefix(OTHER): value for name, value in values.items() if name.startswith(OTHER)}
    whole = new | {"answers": answers} | others
    if replaced := {name: text for name, text in new["answers"].items() if answers[name] != text}:
        whole[MODEL_ANSWERS] = replaced
    if about := dict(edits_about_other_bytes(old, standing, written, description)):
        whole[WORDS_ABOUT] = about
    if EARLIER in old:
        whole[EARLIER] = old[EARLIER]
    return encode(whole | {WRITTEN: merging.own_marks(fields(new), standing, written)})


def edits_about_other_bytes(
    old: dict[str, Any], standing: list[Field], written: set[str], description: Description
) -> Iterator[tuple[str, dict[str, str]]]:
    """By its name, every field of a person's that was written about other bytes: their digest, and the field's mark.

    With another mark the person has changed it since, when it stood over the bytes that `old` is about.
    """
    before: dict[str, dict[str, str]] = old.get(WORDS_ABOUT, {})
    for field in merging.edited_fields(standing, written):
        then = before.get(field.name, {})
        digest = then.get("digest") if then.get("mark") == field.mark else digest_of(old)
        if digest and digest != description.digest:
            yield field.name, {"digest": digest, "mark": field.mark}


def append(content: bytes, description: Description) -> bytes:
    """The new record on top, where programs look, and all that stood there as an earlier one."""
    old, new = record_in(content), description.record()
    earlier = old.pop(EARLIER, [])
    if new["described_at"] in [record.get("described_at") for record in (old, *earlier)]:
        return content
    return encode(new | {EARLIER: [old, *earlier], WRITTEN: merging.own_marks(fields(new))})


def read(content: bytes) -> dict[str, Any] | None:
    """The record in a sidecar; None for what we did not write, or could not write back as it is."""
    try:
        record = json.loads(content, parse_constant=reject_constant, object_pairs_hook=unique_keys)
        encode(record)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or not {"schema", "smolwatch"} <= record.keys():
        return None
    shapes = (("answers", dict), (MODEL_ANSWERS, dict), (WORDS_ABOUT, dict), (WRITTEN, list), (EARLIER, list))
    if not all(isinstance(record.get(key, shape()), shape) for key, shape in shapes):
        return None
    lists = ((WRITTEN, str), (EARLIER, dict))
    if not all(isinstance(one, kind) for key, kind in lists for one in record.get(key, [])):
        return None
    return record if all(isinstance(one, dict) for one in record.get(WORDS_ABOUT, {}).values()) else None


def file_name(content: bytes) -> bytes | None:
    """The name of the file that the record is about, if it says so."""
    file = record_in(content).get("file")
    if not isinstance(file, dict) or not isinstance(file.get("name"), str):
        return None
    try:
        name = base64.b64decode(file["name_b64"]) if "name_b64" in file else os.fsencode(file["name"])
    except (TypeError, ValueError):  # a person changed it
        return None
    return None if not name or b"/" in name or b"\0" in name else name


def record_in(content: bytes) -> dict[str, Any]:
    record = read(content)
    assert record is not None  # only what `is_ours` is read again
    return record


def digest_of(record: dict[str, Any]) -> str | None:
    """Of the bytes that the record is about, where it says so."""
    file = record.get("file")
    digest = file.get("digest") if isinstance(file, dict) else None
    return digest if isinstance(digest, str) else None


def fields(record: dict[str, Any]) -> list[Field]:
    ours = {*FACTS, "answers", WRITTEN, MODEL_ANSWERS, WORDS_ABOUT, EARLIER}
    answers = [answer_field(name, text) for name, text in record.get("answers", {}).items()]
    return answers + [field_of(OTHER + key, value) for key, value in record.items() if key not in ours]


def answer_field(name: str, text: object) -> Field:
    return field_of(ANSWER + name, text)


def field_of(name: str, value: object) -> Field:
    return Field(name, json.dumps(value), value in ("", None))


def encode(record: object) -> bytes:
    """UTF-8 JSON. Every value is kept as it is; what could do harm is written as its escape. May raise ValueError."""
    text = json.dumps(record, ensure_ascii=False, indent=2, allow_nan=False)
    return (_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n").encode()


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; of a key that stands twice, one value would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def reject_constant(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")
