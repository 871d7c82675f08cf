"""The mistakes of a TOML file that pydantic checks: the reason of each in words, and its line. Pure."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from config.keys import LIKENESS
from config.toml_errors import explain
from config.toml_lines import Path, line_of, lines_of


class NotTomlError(ValueError):
    """The text is not TOML. The message has the line where that is known."""


def read_tables(text: str) -> dict[str, Any]:
    """The tables of a TOML text. Raises NotTomlError."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NotTomlError(explain(error, text)) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; lists in lists in lists …
        raise NotTomlError(str(error)) from error


def reason_of(error: Mapping[str, Any], unknown_key: Callable[[], str]) -> str:
    """Why a value is refused, from one of pydantic's errors; `unknown_key` makes that of a key that there is not."""
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return unknown_key()
        case "model_type" | "dict_type":
            return "must be a table"
        case _:
            return str(error["msg"]).removeprefix("Value error, ").removeprefix("Input ")


def no_such_key(key: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=LIKENESS)
    return f"no such key; did you mean {near[0]}?" if near else f"no such key; there are {', '.join(known)}"


def with_lines(mistakes: Iterable[tuple[Path, str]], text: str, name: Callable[[Path], str]) -> list[str]:
    """The mistakes of a valid TOML text by line, such as "line 7: NAME: is missing". `name` is for people."""
    lines = lines_of(text)
    placed = sorted((line_of(path, lines), name(path), reason) for path, reason in mistakes)
    return [f"line {line}: {': '.join(filter(None, [named, reason]))}" for line, named, reason in placed]
