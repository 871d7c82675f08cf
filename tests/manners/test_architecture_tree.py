"""The tree in docs/architecture.md equals the tree on disk: one line a module, at most twelve words."""

from __future__ import annotations

import pytest

from tests.support.checkout import PACKAGES, ROOT, modules, pages

MAX_WORDS = 12


def tree_lines() -> list[str]:
    """The lines of the fenced block under the heading "The tree"."""
    section = pages()["docs/architecture.md"].split("## The tree\n")[1]
    return section.split("```")[1].strip("\n").splitlines()


def tree() -> dict[str, str]:
    """Path and comment of every line; two spaces of indent are one folder deeper."""
    found: dict[str, str] = {}
    folders: list[str] = []
    for line in tree_lines():
        name, _, comment = line.strip().partition(" ")
        depth = (len(line) - len(line.lstrip())) // 2
        folders[depth:] = [name.rstrip("/")]
        found["/".join(folders)] = comment.strip()
    return found


def test_every_module_has_its_line_in_the_tree() -> None:
    assert [module for module in modules() if module not in tree()] == []


@pytest.mark.parametrize("path", tree())
def test_every_line_of_the_tree_names_something_that_exists_in_a_dozen_words(path: str) -> None:
    assert (ROOT / path).exists()
    assert 1 <= len(tree()[path].split()) <= MAX_WORDS


def test_nothing_is_listed_twice() -> None:
    assert len(tree()) == len(tree_lines())


def test_the_four_packages_are_at_the_top_of_the_tree() -> None:
    assert set(PACKAGES) <= set(tree())
