"""The tables of a recipes file, checked: every mistake with its line. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from config.prompt_variables import VARIABLES, brace_mistakes
from config.toml_lines import Path
from config.toml_mistakes import NotTomlError, no_such_key, read_tables, reason_of, with_lines

#: The tables of questions in a recipe.
KINDS = ("image", "video")
#: Headings of the Markdown sidecar that are no answers, in lower case.
OTHER_HEADINGS = {"timeline", "figures", "since your words were written"}

_RECIPE_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_ANSWER_NAME = re.compile(r"[a-z][a-z0-9_]*")
#: The special tokens that structure a prompt of the model. In a question they would break it.
_SPECIAL = re.compile(
    r"<\|[^<>|\s]+\|>|</?s>|<end_of_utterance>|<image>|<fake_token_around_image>|<global-img>|<row_\d+_col_\d+>"
)


def recipe_name(name: str) -> str:
    if not _RECIPE_NAME.fullmatch(name):
        raise ValueError('a recipe\'s name has lower-case letters, digits and single dashes, as in "my-recipe"')
    return name


def answer_name(name: str) -> str:
    if not _ANSWER_NAME.fullmatch(name):
        raise ValueError('an answer\'s name has lower-case letters, digits and "_", as in "alt_text"')
    if name in KINDS:
        raise ValueError("this name is taken: faults of the file itself are reported under it")
    return name


def prompt_text(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    if special := _SPECIAL.search(text):
        raise ValueError(f"holds {special[0]}, a special token of the model")
    return text


def one_line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("must be one line of text")
    return text


def context_variables(value: object) -> tuple[str, ...]:
    """`value` as in the file: true, false or a list of variables."""
    if isinstance(value, bool):
        return VARIABLES if value else ()
    if isinstance(value, list) and all(variable in VARIABLES for variable in value):
        return tuple(value)
    raise ValueError(f"must be true, false or a list of {', '.join(VARIABLES)}")


Prompt = Annotated[str, Field(max_length=2000), AfterValidator(prompt_text)]
Line = Annotated[str, Field(max_length=200), AfterValidator(one_line)]
RecipeName = Annotated[str, Field(max_length=40), AfterValidator(recipe_name)]
AnswerName = Annotated[str, Field(max_length=40), AfterValidator(answer_name)]


class Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SamplingTable(Table):
    """Only what the engine supports. Without a temperature, nothing is sampled."""

    repetition_penalty: Annotated[float, Field(ge=1, le=2)] = 1.0
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    top_k: Annotated[int, Field(ge=1)] = 0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0

    @model_validator(mode="after")
    def _has_temperature_to_sample(self) -> Self:
        unused = sorted(self.model_fields_set & {"top_k", "top_p", "seed"})
        if unused and not self.temperature:
            raise ValueError(f"needs a temperature above 0, since it has {', '.join(unused)}")
        return self


class QuestionTable(Table):
    ask: Prompt
    tokens: Annotated[int, Field(ge=1, le=2048)]
    sampling: SamplingTable = SamplingTable()
    max_characters: Annotated[int, Field(ge=1)] | None = None
    avoid: Annotated[list[Line], Field(min_length=1)] | None = None


Questions = Annotated[dict[AnswerName, QuestionTable], Field(min_length=1)]


class RecipeTable(Table):
    version: Annotated[int, Field(ge=1, lt=2**31)]
    description: Line | None = None
    system: Prompt | None = None
    context: Annotated[tuple[str, ...], BeforeValidator(context_variables)] = ()
    image: Questions
    video: Questions


_RECIPES = TypeAdapter(dict[RecipeName, RecipeTable])


def check_recipes(text: str) -> tuple[dict[str, RecipeTable], list[str]]:
    """The recipes in a TOML text, and all of its mistakes: "line 7: mine.image.caption.tokens: is missing".

    With a mistake, there are no recipes.
    """
    try:
        tables = read_tables(text)
    except NotTomlError as error:
        return {}, [str(error)]
    found, mistakes = dict[str, RecipeTable](), list(mistakes_between_keys(tables))
    try:
        found = _RECIPES.validate_python(tables)
    except ValidationError as error:
        mistakes += [mistake_of(dict(each)) for each in error.errors(include_url=False)]
    return ({}, with_lines(mistakes, text, ".".join)) if mistakes else (found, [])


def mistake_of(error: Mapping[str, Any]) -> tuple[Path, str]:
    """The path and the reason of one of pydantic's errors."""
    path = tuple(str(part) for part in error["loc"] if part != "[key]" and not isinstance(part, int))
    return path, reason_of(error, lambda: unknown_key(path))


def unknown_key(path: Path) -> str:
    if len(path) == 5:
        return f"not supported; sampling supports {', '.join(SamplingTable.model_fields)}"
    known = RecipeTable.model_fields if len(path) == 2 else QuestionTable.model_fields
    return no_such_key(path[-1], known)


def mistakes_between_keys(tables: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Mistakes that more than one key makes. Skips whatever has the wrong type: that is reported elsewhere."""
    for name, recipe in tables.items():
        if not isinstance(recipe, dict):
            continue
        try:
            allowed = context_variables(recipe.get("context", False))
        except ValueError:
            allowed = VARIABLES
        for kind in KINDS:
            questions = recipe.get(kind)
            if isinstance(questions, dict):
                asked = {key: value for key, value in questions.items() if isinstance(value, dict)}
                for path, reason in mistakes_in_kind(asked, allowed):
                    yield (name, kind, *path), reason


def mistakes_in_kind(asked: Mapping[str, Mapping[str, Any]], allowed: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    """Variables that are not allowed, and headings that are taken, by (question, key)."""
    taken: dict[str, str] = {}
    for name, question in asked.items():
        ask, heading = question.get("ask"), heading_of(name)
        if isinstance(ask, str):
            yield from (((name, "ask"), reason) for reason in brace_mistakes(ask, allowed))
        if heading.casefold() in OTHER_HEADINGS:
            yield (name,), f'the heading "{heading}" is taken by another part of the description'
        elif heading.casefold() in taken:
            yield (name,), f'the heading "{heading}" is also that of {taken[heading.casefold()]}'
        taken.setdefault(heading.casefold(), name)


def heading_of(name: str) -> str:
    """An answer's heading for people: "alt_text" is "Alt text"."""
    return " ".join(name.replace("_", " ").split()).capitalize()
