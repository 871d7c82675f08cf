"""The full record, for programs. Pure.

Five keys exist only in the file, not in the database: "written" holds the marks of what we wrote; "model_answers" holds
the model's answers whose place in "answers" has a person's edits; "words_about" holds, for each edit about other bytes
than the record's, the digest of those bytes; "earlier" holds the earlier records, newest first, if sidecars are
appended to; "other_recipes" holds a whole record for each further recipe, by its name. A part, of one recipe, is a
record without that last key.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from storage.description import Description
from storage.sidecars import merging
from storage.sidecars.merging import About, Field

SUFFIX = b".smolwatch.json"
WRITTEN, MODEL_ANSWERS, EDITED_ABOUT, EARLIER = "written", "model_answers", "words_about", "earlier"
OTHER_RECIPES = "other_recipes"
#: A person's questions, each with its answer.
ASKED = "asked"
#: Keys of the record that state facts and are always ours. Every other key is a field, which a person can edit.
FACTS = {"schema", "smolwatch", "described_at", "file", "media", "quality", "model", "recipe", "stats"}
#: The prefixes of field names: of an answer, of a person's question, and of any other key.
ANSWER, QUESTION, OTHER = "answers/", "asked/", "/"

# Allowed in JSON, but they control terminals or are no text: DEL, C1, direction marks, lone surrogates.
_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def render(description: Description) -> bytes:
    record = description.record()
    return encode(record | {WRITTEN: merging.own_marks(fields(record))})


#: The layout is the same for every recipe.
render_further = render


def is_ours(content: bytes) -> bool:
    """Whether this is a record, of any version and layout, that can be rewritten without a loss."""
    return read(content) is not None


def split(content: bytes, _: Sequence[str] = ()) -> dict[str, bytes]:
    record = record_in(content)
    further = record.pop(OTHER_RECIPES, {})
    if not further:
        return {recipe_of(record): content}
    return {name: encode(part) for name, part in {recipe_of(record): record, **further}.items()}


def join(parts: Mapping[str, bytes]) -> bytes:
    (_, first), *further = parts.items()
    if not further:
        return first
    return encode(record_in(first) | {OTHER_RECIPES: {name: record_in(part) for name, part in further}})


def about(part: bytes) -> About:
    record = record_in(part)
    return About(digest_of(record), str(record.get("described_at", "")))


def has_edits(part: bytes) -> bool:
    record = record_in(part)
    return EARLIER in record or bool(merging.edited_fields(fields(record), record.get(WRITTEN, [])))


def fill(part: bytes, description: Description) -> bytes:
    old, new = record_in(part), description.record()
    current, written = fields(old), set(old.get(WRITTEN, []))
    merged = merging.fill(current, written, fields(new))
    values = {field.name: json.loads(field.content) for field in merged}
    answers, asked, others = (below(prefix, values) for prefix in (ANSWER, QUESTION, OTHER))
    merged_record = new | {"answers": answers} | ({ASKED: asked} if asked else {}) | others
    if replaced := {name: text for name, text in new["answers"].items() if answers[name] != text}:
        merged_record[MODEL_ANSWERS] = replaced
    if about := dict(edits_about_other_bytes(old, current, written, description)):
        merged_record[EDITED_ABOUT] = about
    if EARLIER in old:
        merged_record[EARLIER] = old[EARLIER]
    return encode(merged_record | {WRITTEN: merging.own_marks(fields(new), current, written)})


def below(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the fields with this prefix, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}


def edits_about_other_bytes(
    old: dict[str, Any], current: list[Field], written: set[str], description: Description
) -> Iterator[tuple[str, dict[str, str]]]:
    """(name, {digest, mark}) of every edited field that is about other bytes.

    If the mark has changed, the person edited it again, when it was above the bytes that `old` is about.
    """
    before: dict[str, dict[str, str]] = old.get(EDITED_ABOUT, {})
    for field in merging.edited_fields(current, written):
        then = before.get(field.name, {})
        digest = then.get("digest") if then.get("mark") == field.mark else digest_of(old)
        if digest and digest != description.digest:
            yield field.name, {"digest": digest, "mark": field.mark}


def append(part: bytes, description: Description) -> bytes:
    """The new record on top, where programs read it, and the old one as an earlier record."""
    old, new = record_in(part), description.record()
    if description.asked and new["described_at"] == old.get("described_at"):
        return fill(part, description)  # an answer may have been saved since
    earlier = old.pop(EARLIER, [])
    if new["described_at"] in [record.get("described_at") for record in (old, *earlier)]:
        return part
    return encode(new | {EARLIER: [old, *earlier], WRITTEN: merging.own_marks(fields(new))})


def overwrite(_: bytes, description: Description) -> bytes:
    return render(description)


def read(content: bytes) -> dict[str, Any] | None:
    """The record in a sidecar; None if we did not write it, or cannot rewrite it unchanged."""
    try:
        record = json.loads(content, parse_constant=reject_constant, object_pairs_hook=unique_keys)
        encode(record)
    except (ValueError, RecursionError):
        return None
    if not is_record(record):
        return None
    further = record.get(OTHER_RECIPES, {})
    if not isinstance(further, dict) or not further.keys().isdisjoint({"", recipe_of(record)}):
        return None
    are_parts = all(is_record(part) and OTHER_RECIPES not in part for part in further.values())
    return record if are_parts else None


def is_record(value: Any) -> bool:
    if not isinstance(value, dict) or not {"schema", "smolwatch"} <= value.keys():
        return False
    shapes = (("answers", dict), (MODEL_ANSWERS, dict), (EDITED_ABOUT, dict), (WRITTEN, list), (EARLIER, list))
    if not all(isinstance(value.get(key, shape()), shape) for key, shape in shapes):
        return False
    lists = ((WRITTEN, str), (EARLIER, dict))
    if not all(isinstance(item, kind) for key, kind in lists for item in value.get(key, [])):
        return False
    return all(isinstance(item, dict) for item in value.get(EDITED_ABOUT, {}).values())


def file_name(content: bytes) -> bytes | None:
    """The name of the record's file, if stated."""
    file = record_in(content).get("file")
    if not isinstance(file, dict) or not isinstance(file.get("name"), str):
        return None
    try:
        name = base64.b64decode(file["name_b64"]) if "name_b64" in file else os.fsencode(file["name"])
    except (TypeError, ValueError):  # edited by a person
        return None
    return None if not name or b"/" in name or b"\0" in name else name


def record_in(content: bytes) -> dict[str, Any]:
    record = read(content)
    assert record is not None  # only called if `is_ours`
    return record


def digest_of(record: dict[str, Any]) -> str | None:
    """The digest of the record's file, if stated."""
    file = record.get("file")
    digest = file.get("digest") if isinstance(file, dict) else None
    return digest if isinstance(digest, str) else None


def recipe_of(record: dict[str, Any]) -> str:
    """The name of the record's recipe; "" if it is not stated."""
    recipe = record.get("recipe")
    name = recipe.get("name") if isinstance(recipe, dict) else None
    return name if isinstance(name, str) else ""


def fields(record: dict[str, Any]) -> list[Field]:
    ours = {*FACTS, "answers", WRITTEN, MODEL_ANSWERS, EDITED_ABOUT, EARLIER, OTHER_RECIPES}
    found = [answer_field(name, text) for name, text in record.get("answers", {}).items()]
    if isinstance(record.get(ASKED), dict):  # else a person wrote it
        ours.add(ASKED)
        found += [asked_field(question, value) for question, value in record[ASKED].items()]
    return found + [field_of(OTHER + key, value) for key, value in record.items() if key not in ours]


def answer_field(name: str, text: object) -> Field:
    return field_of(ANSWER + name, text)


def asked_field(question: str, value: object) -> Field:
    return field_of(QUESTION + question, value)


def field_of(name: str, value: object) -> Field:
    return Field(name, json.dumps(value), value in ("", None))


def encode(record: object) -> bytes:
    """UTF-8 JSON. Values are unchanged; unsafe characters are escaped. Raises ValueError."""
    text = json.dumps(record, ensure_ascii=False, indent=2, allow_nan=False)
    return (_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n").encode()


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. A duplicate key would lose a value: raises ValueError."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("duplicate key")
    return found


def reject_constant(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")
