"""A suite and its cases as frozen values, as a suite file holds them. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from config.groups import Detail
from config.recipe_tables import Line

#: Shown in place of the case's own pictures: in the reverse order, or as plain grey ones.
Control = Literal["reversed", "blank"]
#: Independent programs that look at the same pictures.
WitnessName = Literal["text"]
NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
#: A row of the testing plan, "2.4", or "target".
PLAN_ROW = re.compile(r"[1-4]\.[1-9]|target")


def case_name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError('must have lower-case letters, digits and single dashes, as in "red-circle"')
    return text


def plan_row(text: str) -> str:
    if not PLAN_ROW.fullmatch(text):
        raise ValueError('must be a row of the testing plan, such as "2.4", or "target"')
    return text


def phrase(text: str) -> str:
    """Words, or alternatives: "grey|gray"."""
    if not all(re.search(r"[^\W_]", part) for part in text.split("|")):
        raise ValueError('must hold words, with "|" between alternatives, as in "grey|gray"')
    return text


def pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from error
    return text


def span(values: list[int]) -> list[int]:
    if len(values) != 2 or values[0] > values[1] or values[0] < 0:
        raise ValueError("must be [least, most], as in [1, 20]")
    return values


CaseName = Annotated[str, Field(max_length=60), AfterValidator(case_name)]
Phrase = Annotated[str, Field(max_length=200), AfterValidator(phrase)]
Phrases = Annotated[list[Phrase], Field(min_length=1, max_length=100)]
Span = Annotated[list[int], AfterValidator(span)]
#: The keys of a case that are checks of its answer.
CHECKS = (
    *"contains any_of all_of facts regex number order not_contains only words characters sentences".split(),
    *"differs_from refused".split(),
)


class Case(BaseModel):
    """One question about some media or about none, with what counts; or, with `measure`, a named measurement.

    `media`: files beside the suite, or "skimage:NAME" for a photograph of scikit-image. `plan`: rows of the testing
    plan. `count`: how often it measures. `references`: captions that a person would write. `repeat`: how often it is
    asked at least; a sampled answer has the seed of the run plus the repeat, or `seed` each time. The checks: see
    docs/evaluate.md.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: CaseName
    plan: Annotated[list[Annotated[str, AfterValidator(plan_row)]], Field(max_length=10)] = []
    category: Line | None = None
    media: Annotated[list[Line], Field(max_length=100)] = []
    measure: Line | None = None
    count: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    ask: Annotated[str, Field(min_length=1, max_length=20_000)] | None = None
    system: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    tokens: Annotated[int, Field(ge=1, le=2048)] = 64
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    seed: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    repeat: Annotated[int, Field(ge=1, le=1000)] = 1
    detail: Detail | None = None
    control: Control | None = None
    witness: WitnessName | None = None
    weight: Annotated[float, Field(gt=0, le=100)] = 1.0
    references: Annotated[list[Line], Field(max_length=20)] = []

    contains: Phrase | None = None
    any_of: Phrases | None = None
    all_of: Phrases | None = None
    facts: Annotated[dict[Line, Phrase], Field(min_length=1, max_length=20)] | None = None
    regex: Annotated[str, Field(max_length=500), AfterValidator(pattern)] | None = None
    number: float | None = None
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    order: Annotated[list[Phrase], Field(min_length=2, max_length=20)] | None = None
    not_contains: Phrases | None = None
    only: Annotated[list[Phrase], Field(max_length=100)] | None = None
    among: Phrases | None = None
    words: Span | None = None
    characters: Span | None = None
    sentences: Span | None = None
    differs_from: CaseName | None = None
    refused: Phrase | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        """One mistake at a time: what keys demand of each other."""
        for is_wrong, reason in (
            ((self.ask is None) == (self.measure is None), 'needs either "ask" or "measure"'),
            (self.measure is not None and bool(self.checks), "measures, so it cannot have checks of an answer"),
            (self.ask is not None and not self.checks and not self.references, "has nothing that counts: add a check"),
            ((self.only is None) != (self.among is None), '"only" and "among" belong together'),
            (self.tolerance > 0 and self.number is None, 'has a "tolerance" without a "number"'),
            (self.temperature == 0 and (self.top_p < 1 or self.seed is not None), "needs a temperature above 0"),
            (self.control is not None and not self.media, 'has a "control" without media'),
            (self.witness is not None and not (self.ask and self.media), 'has a "witness" without a question or media'),
            (self.count is not None and self.measure is None, 'has a "count" without a "measure"'),
            (self.differs_from == self.name, "cannot differ from itself"),
        ):
            if is_wrong:
                raise ValueError(reason)
        return self

    @property
    def checks(self) -> tuple[str, ...]:
        """The keys of its checks."""
        return tuple(key for key in CHECKS if getattr(self, key) is not None)


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Cases and the folder of their media."""

    name: str
    description: str
    cases: tuple[Case, ...]
    media_folder: Path

    def limited(self, most: int | None) -> Suite:
        """Its first cases, at most so many, and those that they are compared with."""
        kept = self.cases[:most]
        wanted = {case.name for case in kept} | {case.differs_from for case in kept}
        cases = tuple(case for case in self.cases if case.name in wanted)
        return Suite(name=self.name, description=self.description, cases=cases, media_folder=self.media_folder)


def suites_digest(suites: Sequence[Suite]) -> str:
    """Equal for runs that ask the same. The content of media files is not part of it."""
    text = repr([(suite.name, [case.model_dump_json() for case in suite.cases]) for suite in suites])
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
