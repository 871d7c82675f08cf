"""Reads the descriptions from a JSON sidecar, one for each recipe, to import them into a database.

They are valid only for a file with the same bytes. A person's edits stay in the sidecar: a description gets the model's
own answers from wherever they still exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from storage.sidecars.mirror import mirror_path
from storage.sidecars.places import BESIDE, SidecarPlaces


class SidecarContent(StrEnum):
    """Whether a description in a sidecar can be imported, and if not, why."""

    WHOLE = "whole"  #: at least one can be
    NONE = "none"  #: there is no sidecar
    NO_RECORD = "no record"  #: only the Markdown exists
    DAMAGED = "damaged"  #: the record is unreadable or incomplete
    NEWER = "newer"  #: written by a newer smolwatch, in an unknown layout
    OTHER_BYTES = "other bytes"  #: the file is not the one that was described


@dataclass(frozen=True)
class SidecarReading:
    """`descriptions`: by different recipes."""

    finding: SidecarContent
    descriptions: tuple[Description, ...] = ()


def storable(text: str) -> str:
    """Raises ValueError for text that a database cannot store."""
    if "\0" in text:
        raise ValueError("holds the character NUL")
    text.encode()  # lone surrogates raise a ValueError
    return text


ShortText = Annotated[str, Field(max_length=1000), AfterValidator(storable)]
Count = Annotated[int, Field(ge=0, lt=2**31)]
Bytes = Annotated[int, Field(ge=0, lt=2**63)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Group(BaseModel):
    """Ignores fields that a later version adds."""

    model_config = ConfigDict(strict=True, extra="ignore")


class File(Group):
    digest: ShortText


class Media(Group):
    kind: Annotated[MediaKind, Field(strict=False)]
    format: ShortText
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
    verdict: ShortText
    reasons: list[str]


class Model(Group):
    id: ShortText
    revision: ShortText
    engine: ShortText
    device: ShortText
    dtype: ShortText
    detail: ShortText
    weights: ShortText | None = None
    control: ShortText | None = None


class Recipe(Group):
    name: ShortText
    version: Count
    digest: ShortText


class Tokens(Group):
    # "in" is a Python keyword.
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
    launched_by: ShortText
    power: ShortText | None = None


class Asked(BaseModel):
    """The answer to a person's question. All other keys are options."""

    model_config = ConfigDict(strict=True, extra="allow")

    answer: Annotated[str, AfterValidator(storable)]
    asked_at: Annotated[AwareDatetime, Field(strict=False)]
    model: ShortText
    revision: ShortText


class Record(Group):
    """The record of one recipe, in the layout of `Description.record`."""

    smolwatch: ShortText
    described_at: Annotated[AwareDatetime, Field(strict=False)]
    file: File
    media: Media
    answers: dict[str, Any]
    timeline: list[Segment] = []
    quality: Quality
    model: Model
    recipe: Recipe
    stats: Stats


def read_descriptions(file: NewFile, mirror: Path | None, places: SidecarPlaces = BESIDE) -> SidecarReading:
    """The descriptions in the file's record, in its place, in the mirror or beside the file. Raises nothing."""
    return one_of_each_recipe([read_at(file, paths) for paths in possible_paths(file.path, mirror, places)])


def state_without_reading(path: bytes, mirror: Path, places: SidecarPlaces = BESIDE) -> SidecarContent | None:
    """The state of the file's sidecars without reading the file; None if there is a record."""
    candidates = possible_paths(path, mirror, places)
    if any(content_at(record) is not None for record, _ in candidates):
        return None
    texts = [content_at(text) for _, text in candidates]
    has_text = any(text is not None and markdown.is_ours(text) for text in texts)
    return SidecarContent.NO_RECORD if has_text else SidecarContent.NONE


def possible_paths(path: bytes, mirror: Path | None, places: SidecarPlaces) -> list[tuple[bytes, bytes]]:
    """The possible paths of the file's JSON and Markdown sidecars."""
    record, text = places.path(path, json), places.path(path, markdown)
    found = [(record, text)]
    if mirror:
        found.append((mirror_path(mirror, record), mirror_path(mirror, text)))
    if places.is_moved(path):  # from before there was an output folder
        found.append((BESIDE.path(path, json), BESIDE.path(path, markdown)))
    return found


def read_at(file: NewFile, paths: tuple[bytes, bytes]) -> SidecarReading:
    record, text = map(content_at, paths)
    if record is None:
        return SidecarReading(SidecarContent.NONE)
    return parse(record, text if text is not None and markdown.is_ours(text) else None, file)


def content_at(place: bytes) -> bytes | None:
    """The content of the sidecar's path, whoever wrote it."""
    try:
        found = read_snapshot(place)
    except (ForeignFileError, OSError):
        return None
    return found.content if found else None


def parse(content: bytes, text: bytes | None, file: NewFile) -> SidecarReading:
    """`content`: of the JSON sidecar; `text`: of the Markdown one, if it is ours. Pure."""
    if json.read(content) is None:
        return SidecarReading(SidecarContent.DAMAGED)
    records = json.split(content)
    texts = markdown.split(text, list(records)) if text else {}
    return one_of_each_recipe([parse_part(record, texts.get(name), file) for name, record in records.items()])


def one_of_each_recipe(readings: Sequence[SidecarReading]) -> SidecarReading:
    """The first description of each recipe; if there is none, the first reason."""
    whole = {one.recipe.name: one for reading in reversed(readings) for one in reversed(reading.descriptions)}
    if whole:
        return SidecarReading(SidecarContent.WHOLE, tuple(reversed(whole.values())))
    reasons = (reading for reading in readings if reading.finding is not SidecarContent.NONE)
    return next(reasons, SidecarReading(SidecarContent.NONE))


def parse_part(content: bytes, text: bytes | None, file: NewFile) -> SidecarReading:
    """The description in one part of the JSON sidecar; `text`: the same part of the Markdown one."""
    record = json.record_in(content)
    if record["schema"] != parts.SCHEMA:
        return SidecarReading(SidecarContent.NEWER)
    try:
        parsed = Record.model_validate(record)
    except ValidationError:
        return SidecarReading(SidecarContent.DAMAGED)
    if parsed.file.digest != file.digest:
        return SidecarReading(SidecarContent.OTHER_BYTES)
    answers = dict(answers_in(record, text))
    return (
        SidecarReading(SidecarContent.WHOLE, (description_from(parsed, answers, tuple(asked_in(record)), file),))
        if answers
        else SidecarReading(SidecarContent.DAMAGED)
    )


def answers_in(record: dict[str, Any], text: bytes | None) -> Iterator[tuple[str, str]]:
    """The model's answers; an edited one only if the model's is lost."""
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


def asked_in(record: dict[str, Any]) -> Iterator[parts.SavedAnswer]:
    """The answers to a person's questions, unless they were edited."""
    asked, written = record.get(json.ASKED), set(record.get(json.WRITTEN, []))
    for question, value in asked.items() if isinstance(asked, dict) else ():
        if json.asked_field(question, value).mark not in written:
            continue
        try:
            parsed = Asked.model_validate(value)
            yield parts.SavedAnswer(
                question=storable(question),
                answer=parsed.answer,
                asked_at=parsed.asked_at,
                model=parsed.model,
                revision=parsed.revision,
                options=parsed.model_extra or {},
            )
        except ValueError:  # of another version
            continue


def description_from(
    parsed: Record, answers: dict[str, str], asked: tuple[parts.SavedAnswer, ...], file: NewFile
) -> Description:
    stats = parsed.stats
    return Description(
        smolwatch=parsed.smolwatch,
        described_at=parsed.described_at,
        path=file.path,
        digest=file.digest,
        fingerprint=file.fingerprint,
        media=parts.Media(**dict(parsed.media)),
        answers=answers,
        timeline=tuple(parts.Segment(**dict(segment)) for segment in parsed.timeline),
        asked=asked,
        quality=parts.Quality(verdict=parsed.quality.verdict, reasons=tuple(parsed.quality.reasons)),
        model=parts.ModelFacts(**dict(parsed.model)),
        recipe=parts.RecipeFacts(**dict(parsed.recipe)),
        stats=parts.Stats(
            **{name: value for name, value in stats if name != "tokens"},
            tokens_in=stats.tokens.read,
            tokens_out=stats.tokens.written,
        ),
    )
