"""A suite file, checked: every mistake with its line, all at once. Pure."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from config.keys import LIKENESS
from config.recipe_tables import Line
from config.toml_errors import explain
from config.toml_lines import Path, line_of, lines_of
from daemon.evaluation.suites.suite import Case

#: Media of this form are photographs of scikit-image.
PHOTOGRAPH = "skimage:"


class SuiteTable(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    description: Line
    case: list[Case] = Field(min_length=1, max_length=2000)


def check_suite(
    text: str, *, measures: Collection[str], has_file: Callable[[str], bool]
) -> tuple[SuiteTable | None, list[str]]:
    """The suite in a TOML text, and all of its mistakes: "line 7: case 2 (dog): tokens: must be an integer".

    `measures`: the measurements that there are. `has_file`: whether a file of that name is beside the suite.
    With a mistake, there is no suite.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return None, [explain(error, text)]
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; lists in lists in lists …
        return None, [str(error)]
    table, mistakes = None, list(mistakes_between_cases(tables, measures, has_file))
    try:
        table = SuiteTable.model_validate(tables)
    except ValidationError as error:
        mistakes += [mistake_of(dict(each)) for each in error.errors(include_url=False)]
    if not mistakes:
        return table, []
    lines = lines_of(text)
    placed = sorted((line_of(path, lines), named(path, tables), reason) for path, reason in mistakes)
    return None, [f"line {line}: {': '.join(filter(None, [name, reason]))}" for line, name, reason in placed]


def mistake_of(error: Mapping[str, Any]) -> tuple[Path, str]:
    """The path and the reason of one of pydantic's errors."""
    path = tuple(str(part) for part in error["loc"] if part != "[key]")
    match error["type"]:
        case "missing":
            return path, "is missing"
        case "extra_forbidden":
            return path, unknown_key(path)
        case "model_type" | "dict_type":
            return path, "must be a table"
        case _:
            return path, str(error["msg"]).removeprefix("Value error, ").removeprefix("Input ")


def unknown_key(path: Path) -> str:
    known = SuiteTable.model_fields if len(path) == 1 else Case.model_fields
    near = difflib.get_close_matches(path[-1], known, n=1, cutoff=LIKENESS)
    return f"no such key; did you mean {near[0]}?" if near else f"no such key; there are {', '.join(known)}"


def named(path: Path, tables: Mapping[str, Any]) -> str:
    """Where a mistake is, for people: "case 2 (dog): tokens"."""
    if len(path) < 2 or path[0] != "case":
        return ".".join(path)
    cases, number = tables.get("case"), path[1]
    case = cases[int(number)] if isinstance(cases, list) and number.isdigit() and int(number) < len(cases) else None
    name = case.get("name") if isinstance(case, dict) else None
    shown = f"case {int(number) + 1 if number.isdigit() else number}"
    shown += f" ({name})" if isinstance(name, str) else ""
    return ": ".join([shown, *path[2:3]])


def mistakes_between_cases(
    tables: Mapping[str, Any], measures: Collection[str], has_file: Callable[[str], bool]
) -> Iterator[tuple[Path, str]]:
    """Mistakes that a case alone does not show. Skips whatever has the wrong type: that is reported elsewhere."""
    cases = tables.get("case")
    found = [case if isinstance(case, dict) else {} for case in cases] if isinstance(cases, list) else []
    names = [case.get("name") for case in found]
    for number, case in enumerate(found):
        path, name = ("case", str(number)), case.get("name")
        if isinstance(name, str) and name in names[:number]:
            yield (*path, "name"), f"case {names.index(name) + 1} has this name too"
        if isinstance(measure := case.get("measure"), str) and measure not in measures:
            yield (*path, "measure"), f"no such measurement; there are {', '.join(sorted(measures))}"
        other = case.get("differs_from")
        if isinstance(other, str) and other not in names:
            yield (*path, "differs_from"), f"there is no case {other!r} in this suite"
        for file in case.get("media") or [] if isinstance(case.get("media"), list) else []:
            if isinstance(file, str) and not file.startswith(PHOTOGRAPH) and not has_file(file):
                yield (*path, "media"), f"there is no file {file!r} beside the suite"
