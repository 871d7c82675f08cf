"""The names to which docs/glossary.md sends those who knew the old ones exist."""

from __future__ import annotations

import re

from tests.support.checkout import modules, pages
from tests.support.identifiers import names

TOKEN = re.compile(r"`([\w.]+)`")


def new_names() -> list[str]:
    """Everything in code style in the right column of the table of old and new names."""
    table = pages()["docs/glossary.md"].split("## Old names and new ones\n")[1]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    return [token for row in rows for token in TOKEN.findall(row.rstrip(" |").rpartition(" | ")[2])]


def known_names() -> set[str]:
    """Modules, by their own name and by every dotted end of their path; and all names that they define."""
    found: set[str] = set()
    for module in modules():
        parts = module.removesuffix(".py").removesuffix("/__init__").split("/")
        found |= {".".join(parts[start:]) for start in range(len(parts))}
        found |= {name for _, name in names(module)}
    return found | {package.rpartition(".")[0] for package in found if "." in package}


def test_new_names_exist() -> None:
    known = known_names()
    assert len(new_names()) > 100
    assert [name for name in new_names() if name not in known] == []
