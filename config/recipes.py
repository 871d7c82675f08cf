"""The questions for the model: `recipes.toml` as frozen values with a digest, and the candidates in `wordings.toml`."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from config.errors import ConfigError

SHIPPED = Path(__file__).with_name("recipes.toml")
WORDINGS = Path(__file__).with_name("wordings.toml")


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question about a file; `name` is the key of its answer in the record."""

    name: str
    ask: str
    tokens: int


@dataclass(frozen=True, kw_only=True)
class Recipe:
    name: str
    version: int
    image: tuple[Question, ...]
    video: tuple[Question, ...]

    @cached_property
    def digest(self) -> str:
        """Changes whenever a question changes."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def load_recipe(name: str = "default", file: Path = SHIPPED) -> Recipe:
    """The named recipe. Raises ConfigError that lists the existing ones."""
    recipes = tomllib.loads(file.read_text(encoding="utf-8"))
    if name not in recipes:
        raise ConfigError(f"There is no recipe {name!r}.", advice=f"Choose one of: {', '.join(recipes)}")
    found = recipes[name]
    return Recipe(
        name=name,
        version=found["version"],
        image=tuple(Question(name=key, **value) for key, value in found["image"].items()),
        video=tuple(Question(name=key, **value) for key, value in found["video"].items()),
    )


def caption_wordings(file: Path = WORDINGS) -> dict[str, Question]:
    """The candidate questions for a picture's caption, by name."""
    wordings = tomllib.loads(file.read_text(encoding="utf-8"))
    return {name: Question(name="caption", **wording) for name, wording in wordings.items()}
