"""The checkout: its packages, modules and pages."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("cli", "config", "daemon", "storage")


def modules() -> list[str]:
    """Every module of the four packages, from the root, sorted. A package with a docstring alone does not count."""
    files = (file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    return sorted(file.relative_to(ROOT).as_posix() for file in files if holds_code(file))


def holds_code(file: Path) -> bool:
    code = ast.parse(file.read_text(encoding="utf-8")).body
    return file.name != "__init__.py" or not all(isinstance(node, ast.Expr) for node in code)


def pages() -> dict[str, str]:
    """The text of every page for people, by its path from the root."""
    files = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "tests/faults/README.md")]
    files += sorted((ROOT / "docs").rglob("*.md"))
    return {file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8") for file in files}
