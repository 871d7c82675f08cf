"""The names that a module defines, by what they name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.checkout import ROOT


def names(module: str) -> Iterator[tuple[str, str]]:
    """(kind, name) of a module: "module", "class", "function" (methods too), "parameter" or "field"."""
    path = ROOT / module
    yield "module", path.parent.name if path.name == "__init__.py" else path.stem
    yield from names_in(path.read_text(encoding="utf-8"))


def names_in(code: str) -> Iterator[tuple[str, str]]:
    """The same for source code, but for the module."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.ClassDef(name=name, body=body):
                yield "class", name
                yield from (("field", field) for statement in body for field in assigned(statement))
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield "function", name
            case ast.arg(arg=name):
                yield "parameter", name
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield "field", name


def assigned(statement: ast.stmt) -> list[str]:
    """The plain names that a statement in a class's body assigns."""
    match statement:
        case ast.AnnAssign(target=target):
            targets: list[ast.expr] = [target]
        case ast.Assign(targets=several):
            targets = several
        case _:
            targets = []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def unit_tests() -> list[Path]:
    """Every file of unit tests, relative to tests/unit."""
    unit = ROOT / "tests" / "unit"
    return sorted(file.relative_to(unit) for file in unit.rglob("test_*.py"))
