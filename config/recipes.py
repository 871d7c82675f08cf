"""The questions for the model: shipped and a home's own recipes as frozen values with a digest.

`wordings.toml` holds candidates for a picture's caption, to compare.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from pathlib import Path

from config.errors import ConfigError
from config.keys import LIKENESS
from config.prompt_variables import variables_in
from config.recipe_tables import QuestionTable, RecipeTable, check_recipes, heading_of

SHIPPED = Path(__file__).with_name("recipes.toml")
WORDINGS = Path(__file__).with_name("wordings.toml")
#: Fields that the model does not get, and that change no answer.
FOR_PEOPLE = {"description", "file"}


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How an answer's tokens are chosen; as in `daemon.inference.sampling_params`."""

    repetition_penalty: float = 1.0
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question about a file; `name` is the key of its answer in the record, `tokens` the answer's limit.

    In a recipe, `ask` may hold variables, and a brace is written twice (`config.prompt_variables`); in a request it is
    the prompt's text. `max_characters` and `avoid` (openings such as "image of") are rules for the answer: one that
    breaks a rule is kept, and marked as suspect.
    """

    name: str
    ask: str
    tokens: int
    sampling: Sampling = Sampling()
    max_characters: int | None = None
    avoid: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        return heading_of(self.name)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """`system`: the system prompt. `context`: the variables that questions may hold. `file`: where it is written."""

    name: str
    version: int
    image: tuple[Question, ...]
    video: tuple[Question, ...]
    description: str | None = None
    system: str | None = None
    context: tuple[str, ...] = ()
    file: Path = SHIPPED

    @cached_property
    def digest(self) -> str:
        """Changes whenever something changes that is asked or checked."""
        text = json.dumps(asked_values(self), sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    @property
    def is_shipped(self) -> bool:
        return self.file == SHIPPED

    @property
    def uses_context(self) -> bool:
        """Whether the answers depend on more than a file's bytes: on its name, folder or date."""
        return any(variables_in(question.ask) for question in self.image + self.video)

    def questions(self, *, is_video: bool) -> tuple[Question, ...]:
        return self.video if is_video else self.image


def asked_values(part: object) -> object:
    """A part of a recipe as JSON values, without defaults: a new optional field changes no digest."""
    if isinstance(part, tuple):
        return [asked_values(each) for each in part]
    if not is_dataclass(part):
        return part
    values = {field.name: getattr(part, field.name) for field in fields(part) if field.name not in FOR_PEOPLE}
    defaults = {field.name: field.default for field in fields(part)}
    return {name: asked_values(value) for name, value in values.items() if value != defaults[name]}


def home_file(home: Path) -> Path:
    return home / "config" / "recipes.toml"


def load_recipes(home: Path | None = None) -> Mapping[str, Recipe]:
    """All recipes by name: the shipped ones, and over them those in the home's config/recipes.toml.

    Raises one ConfigError that lists every mistake in that file, each with its line.
    """
    recipes = read_recipes(SHIPPED)
    own = home_file(home) if home else SHIPPED
    if own.exists() and not own.samefile(SHIPPED):  # the home can be the checkout
        recipes |= read_recipes(own)
    return recipes


def load_recipe(name: str = "default", home: Path | None = None) -> Recipe:
    """The recipe that a setting names. Raises ConfigError."""
    return find_recipe(name, load_recipes(home))


def find_recipe(name: str, recipes: Mapping[str, Recipe]) -> Recipe:
    """The named one of these. Raises ConfigError that lists them and suggests the nearest."""
    if name in recipes:
        return recipes[name]
    near = difflib.get_close_matches(name, recipes, n=1, cutoff=LIKENESS)
    suggestion = f" Did you mean {near[0]}?" if near else ""
    raise ConfigError(f"There is no recipe {name!r}.{suggestion}", advice=f"Choose one of: {', '.join(recipes)}")


def read_recipes(file: Path) -> dict[str, Recipe]:
    """The recipes in one file. Raises ConfigError that lists every mistake."""
    try:
        tables, mistakes = check_recipes(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # ValueError: not UTF-8
        tables, mistakes = {}, [str(error)]
    if mistakes:
        raise ConfigError(
            "\n".join(["The recipes are not valid:", *(f"  {file}, {mistake}" for mistake in mistakes)]),
            advice="docs/recipes.md explains the file.",
        )
    return {name: recipe_of(name, table, file) for name, table in tables.items()}


def recipe_of(name: str, table: RecipeTable, file: Path) -> Recipe:
    return Recipe(
        name=name,
        version=table.version,
        image=tuple(question_of(key, question) for key, question in table.image.items()),
        video=tuple(question_of(key, question) for key, question in table.video.items()),
        description=table.description,
        system=table.system,
        context=table.context,
        file=file,
    )


def question_of(name: str, table: QuestionTable) -> Question:
    return Question(
        name=name,
        ask=table.ask,
        tokens=table.tokens,
        sampling=Sampling(**table.sampling.model_dump()),
        max_characters=table.max_characters,
        avoid=tuple(table.avoid or ()),
    )


def caption_wordings(file: Path = WORDINGS) -> dict[str, Question]:
    """The candidate questions for a picture's caption, by name."""
    wordings = tomllib.loads(file.read_text(encoding="utf-8"))
    return {name: Question(name="caption", **wording) for name, wording in wordings.items()}
