"""A suite file, checked: every mistake with its line, all at once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from config.recipe_tables import Line
from config.toml_lines import Path
from config.toml_mistakes import NotTomlError, no_such_key, read_tables, reason_of, with_lines
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
        tables = read_tables(text)
    except NotTomlError as error:
        return None, [str(error)]
    table, mistakes = None, list(mistakes_between_cases(tables, measures, has_file))
    try:
        table = SuiteTable.model_validate(tables)
    except ValidationError as error:
        mistakes += [mistake_of(dict(each)) for each in error.errors(include_url=False)]
    return (None, with_lines(mistakes, text, lambda path: named(path, tables))) if mistakes else (table, [])


def mistake_of(error: Mapping[str, Any]) -> tuple[Path, str]:
    """The path and the reason of one of pydantic's errors."""
    path = tuple(str(part) for part in error["loc"] if part != "[key]")
    known = SuiteTable.model_fields if len(path) == 1 else Case.model_fields
    return path, reason_of(error, lambda: no_such_key(path[-1], known))


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
