"""The description that a JSON sidecar holds, read back for a database that does not know it.

It counts only for a file with the very bytes that it is about. What a person wrote in the sidecar stays there: the
description gets the model's words, from wherever they still stand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from storage import description as parts
from storage.atomic import read_snapshot
from storage.description import Description
from storage.errors import ForeignFileError
from storage.records import MediaKind, NewFile
from storage.sidecars import json, markdown
from storage.sidecars.merging import Form
from storage.sidecars.mirror import mirror_path
from storage.sidecars.names import sidecar_path


class SidecarContent(StrEnum):
    """Whether a sidecar's description can be taken back, and if not, why."""

    WHOLE = "whole"
    NONE = "none"  #: there is no sidecar
    NO_RECORD = "no record"  #: the text for people alone
    DAMAGED = "damaged"  #: the record cannot be read, or lacks something
    NEWER = "newer"  #: written by a newer smolwatch, in a way that this one does not know
    OTHER_BYTES = "other bytes"  #: the file is not the one that was described


@dataclass(frozen=True)
class Recorded:
    finding: SidecarContent
    description: Description | None = None


def storable(text: str) -> str:
    """Raises ValueError for what a database does not take."""
    if "\0" in text:
        raise ValueError("holds the character NUL")
    text.encode()  # lone surrogates raise a ValueError
    return text


Word = Annotated[str, Field(max_length=1000), AfterValidator(storable)]
Count = Annotated[int, Field(ge=0, lt=2**31)]
Bytes = Annotated[int, Field(ge=0, lt=2**63)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Group(BaseModel):
    """What a later version may add is passed over."""

    model_config = ConfigDict(strict=True, extra="ignore")


class File(Group):
    digest: Word


class Media(Group):
    kind: Annotated[MediaKind, Field(strict=False)]
    format: Word
    width: Count
    height: Count
    seconds: Amount | None = None
    frame_rate: Amount | None = None
    frames_seen: Count | None = None
    pages: Count | None = None


class Segment(Group):
    start: float
    end: float
    text: str


class Quality(Group):
    verdict: Word
    reasons: list[str]


class Model(Group):
    id: Word
    revision: Word
    engine: Word
    device: Word
    dtype: Word
    detail: Word


class Recipe(Group):
    name: Word
    version: Count
    digest: Word


class Tokens(Group):
    # "in" is a word of Python's own.
    read: Count = Field(alias="in")
    written: Count = Field(alias="out")


class Stats(Group):
    seconds: dict[str, Amount]
    tokens: Tokens
    tokens_per_second: Amount
    batch_rows: Count
    peak_memory_bytes: Bytes
    device_memory_bytes: Bytes
    cold_start: bool
    launched_by: Word
    power: Word | None = None


class Record(Group):
    """The record of the sidecar, in its own layout (`Description.record`)."""

    smolwatch: Word
    described_at: Annotated[AwareDatetime, Field(strict=False)]
    file: File
    media: Media
    answers: dict[str, Any]
    timeline: list[Segment] = []
    quality: Quality
    model: Model
    recipe: Recipe
    stats: Stats


def recorded(file: NewFile, mirror: Path | None) -> Recorded:
    """What the record of the file says, beside it or in the mirror. Raises nothing."""
    found = [read_at(file, place) for place in ((None, mirror) if mirror else (None,))]
    whole = (one for one in found if one.finding is SidecarContent.WHOLE)
    other = (one for one in found if one.finding is not SidecarContent.NONE)
    return next(whole, None) or next(other, None) or Recorded(SidecarContent.NONE)


def finding_without_reading(path: bytes, mirror: Path) -> SidecarContent | None:
    """What is known of the file's sidecars without reading the file; None where a record stands."""
    if any(content_at(path, json, place) is not None for place in (None, mirror)):
        return None
    texts = [content_at(path, markdown, place) for place in (None, mirror)]
    has_text = any(text is not None and markdown.is_ours(text) for text in texts)
    return SidecarContent.NO_RECORD if has_text else SidecarContent.NONE


def read_at(file: NewFile, mirror: Path | None) -> Recorded:
    content = content_at(file.path, json, mirror)
    if content is None:
        return Recorded(SidecarContent.NONE)
    text = content_at(file.path, markdown, mirror)
    return read_back(content, text if text is not None and markdown.is_ours(text) else None, file)


def content_at(path: bytes, form: Form, mirror: Path | None) -> bytes | None:
    """What stands in the sidecar's place, whoever wrote it."""
    beside = sidecar_path(path, form.SUFFIX)
    try:
        found = read_snapshot(mirror_path(mirror, beside) if mirror else beside)
    except (ForeignFileError, OSError):
        return None
    return found.content if found else None


def read_back(content: bytes, text: bytes | None, file: NewFile) -> Recorded:
    """`content`: of the JSON sidecar; `text`: of the Markdown one, where there is one of ours. Pure."""
    record = json.read(content)
    if record is None:
        return Recorded(SidecarContent.DAMAGED)
    if record["schema"] != parts.SCHEMA:
        return Recorded(SidecarContent.NEWER)
    try:
        said = Record.model_validate(record)
    except ValidationError:
        return Recorded(SidecarContent.DAMAGED)
    if said.file.digest != file.digest:
        return Recorded(SidecarContent.OTHER_BYTES)
    answers = dict(answers_in(record, text))
    return (
        Recorded(SidecarContent.WHOLE, description_from(said, answers, file))
        if answers
        else Recorded(SidecarContent.DAMAGED)
    )


def answers_in(record: dict[str, Any], text: bytes | None) -> Iterator[tuple[str, str]]:
    """The model's answers; a person's only where the model's stand nowhere any more."""
    of_the_model = record.get(json.MODEL_ANSWERS, {})
    written = set(record.get(json.WRITTEN, []))
    for name, content_at in (of_the_model | record["answers"]).items():
        answer = content_at
        if json.answer_field(name, content_at).mark not in written:
            elsewhere = of_the_model.get(name) or (text and markdown.answer(text, name))
            if name in of_the_model or (elsewhere and json.answer_field(name, elsewhere).mark in written):
                answer = elsewhere
        if isinstance(answer, str):
            yield name, answer


def description_from(said: Record, answers: dict[str, str], file: NewFile) -> Description:
    stats = said.stats
    return Description(
        smolwatch=said.smolwatch,
        described_at=said.described_at,
        path=file.path,
        digest=file.digest,
        fingerprint=file.fingerprint,
        media=parts.Media(**dict(said.media)),
        answers=answers,
        timeline=tuple(parts.Segment(**dict(segment)) for segment in said.timeline),
        quality=parts.Quality(verdict=said.quality.verdict, reasons=tuple(said.quality.reasons)),
        model=parts.ModelFacts(**dict(said.model)),
        recipe=parts.RecipeFacts(**dict(said.recipe)),
        stats=parts.Stats(
            **{name: value for name, value in stats if name != "tokens"},
            tokens_in=stats.tokens.read,
            tokens_out=stats.tokens.written,
        ),
    )
