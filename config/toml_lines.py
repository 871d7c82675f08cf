"""The line of each key in a TOML file: tomllib keeps no positions. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

#: A key with all tables above it: ("brief", "image", "caption"); of an array of tables, ("inbox", "0", "path").
Path = tuple[str, ...]


def lines_of(text: str) -> dict[Path, int]:
    """Every key and table of a valid TOML text with the line, from 1, where it is first named.

    A header or an assignment is valid TOML alone, so each of them is parsed alone. Keys of inline tables are on the
    line of the assignment.
    """
    found: dict[Path, int] = {}
    table: Path = ()
    sizes: dict[Path, int] = {}
    for number, statement in statements(text):
        parsed = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            table = numbered(deepest(parsed), sizes, is_item=statement.lstrip().startswith("[["))
            paths = [table[: depth + 1] for depth in range(len(table))]
        else:
            paths = [(*table, *path) for path in paths_in(parsed)]
        for path in paths:
            found.setdefault(path, number)
    return found


def line_of(path: Path, lines: Mapping[Path, int]) -> int:
    """The line of the key, else of the nearest table above it that is named; 1 for none."""
    return next((lines[path[:depth]] for depth in range(len(path), 0, -1) if path[:depth] in lines), 1)


def statements(text: str) -> Iterator[tuple[int, str]]:
    """Headers, assignments, comments and empty lines, each with its first line's number."""
    pending, began = "", 1
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        began = began if pending else number
        pending += line + "\n"
        if is_toml(pending):
            yield began, pending
            pending = ""


def is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def numbered(header: Path, sizes: dict[Path, int], *, is_item: bool) -> Path:
    """The header's path with the number of each item of an array of tables.

    `sizes`: how many items the arrays have so far; with `is_item`, a [[header]] adds one.
    """
    path: Path = ()
    for depth, key in enumerate(header, 1):
        path = (*path, key)
        if is_item and depth == len(header):
            sizes[path] = sizes.get(path, 0) + 1
        if path in sizes:
            path = (*path, str(sizes[path] - 1))
    return path


def deepest(parsed: Mapping[str, Any]) -> Path:
    """The only path of a parsed header, without numbers of [[tables]]."""
    path: Path = ()
    inner: Any = parsed
    while inner and isinstance(inner, dict):
        (key,) = inner
        path, inner = (*path, key), inner[key]
    return path


def paths_in(parsed: Mapping[str, Any]) -> list[Path]:
    """All keys within; without recursion, since dotted keys can be nested deeply."""
    found: list[Path] = [(key,) for key in parsed]
    for path in found:  # grows meanwhile
        inner: Any = parsed
        for key in path:
            inner = inner[key]
        if isinstance(inner, dict):
            found += [(*path, key) for key in inner]
    return found
