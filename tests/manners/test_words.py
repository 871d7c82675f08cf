"""Module and class names are specific."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checkout import ROOT, modules

BANNED = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "handler", "base"}


def words(name: str) -> set[str]:
    """The words of a module or class name: "FileManager" and "file_manager" are both file and manager."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def class_names(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            yield node.name


@pytest.mark.parametrize("module", modules())
def test_module_and_class_names_have_no_vague_words(module: str) -> None:
    names = [*Path(module).with_suffix("").parts, *class_names(ROOT / module)]
    assert [name for name in names if words(name) & BANNED] == []


def test_banned_words_are_found_in_snake_case_and_in_camel_case() -> None:
    assert words("HTTPFileManager") & BANNED
    assert words("path_utils") & BANNED
    assert not words("Database") & BANNED
