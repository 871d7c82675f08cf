"""One layer's value for one setting: where it is written, and what is wrong with it alone."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from config.inboxes import FolderRule, InboxTable
from config.keys import LIKENESS, known_keys, nearest_key
from config.settings import Settings
from config.toml_lines import Path as TomlPath
from config.toml_lines import line_of

#: A wrong value of this setting may hold a password and is not shown.
SECRET = "database.url"
#: A table must have a path, and each key is checked alone.
SOME_FOLDER = "/inbox"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """`key` is dotted: "model.device". `source`: a file, a variable, or the command line.

    `path` and `lines`: the key in the file, and the lines of all its keys.
    """

    key: str
    value: object
    source: str
    path: TomlPath = ()
    lines: Mapping[TomlPath, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return self.value is None or self.value == ""

    def place(self, inner: Sequence[str | int] = ()) -> str:
        """Where the value, or a part of it, is written."""
        if not self.lines:
            return self.source
        return f"{self.source}, line {line_of((*self.path, *map(str, inner)), self.lines)}"


def problems_of(choice: Choice) -> Iterator[str]:
    """What is wrong with the value of a setting."""
    if choice.key not in known_keys():
        near = nearest_key(choice.key)
        yield f"{choice.key} ({choice.place()}): no such setting" + (f"; did you mean {near}?" if near else "")
        return
    group, _, name = choice.key.rpartition(".")
    values = {name: choice.value}
    yield from problems_found(
        choice, lambda: Settings.model_validate({"home": "/", **({group: values} if group else values)})
    )


def problems_in_table(choice: Choice) -> Iterator[str]:
    """The same for a key of an [[inbox]]."""
    name = choice.key.rpartition(".")[2]
    if name not in InboxTable.model_fields:
        yield f"{choice.key} ({choice.place()}): {no_such_key(name, InboxTable)}"
        return
    yield from problems_found(choice, lambda: InboxTable.model_validate({"path": SOME_FOLDER, name: choice.value}))


def problems_found(choice: Choice, check: Callable[[], object]) -> Iterator[str]:
    try:
        check()
    except ValidationError as error:
        for each in error.errors(include_url=False):
            yield problem_of(choice, dict(each))


def problem_of(choice: Choice, error: Mapping[str, Any]) -> str:
    """One of pydantic's errors as a sentence. The value is shown where it is short."""
    name = choice.key.rpartition(".")[2]
    location = list(error["loc"])
    inner = location[location.index(name) + 1 :]
    key = ".".join([choice.key, *(part for part in inner if isinstance(part, str))])
    place = choice.place(inner)
    match error["type"]:
        case "missing":
            return f"{key} ({place}): is missing"
        case "extra_forbidden":
            return f"{key} ({place}): {no_such_key(str(inner[-1]), FolderRule)}"
    shown = "…" if choice.key == SECRET else repr(error["input"] if inner else choice.value)
    reason = str(error["msg"]).removeprefix("Input ").removeprefix("Value error, ")
    return f"{key} = {shown} ({place}): {reason}"


def no_such_key(name: str, table: type[BaseModel]) -> str:
    near = difflib.get_close_matches(name, table.model_fields, n=1, cutoff=LIKENESS)
    return "no such setting" + (f"; did you mean {near[0]}?" if near else "")
