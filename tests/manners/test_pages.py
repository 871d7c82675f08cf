"""The pages for people: the README is short, links lead somewhere, and named files exist."""

from __future__ import annotations

import re

import pytest

from tests.support.checkout import PACKAGES, ROOT, pages

MAX_README_LINES = 120
CODE = re.compile(r"^ *```.*?^ *```", re.M | re.S)
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.M)
#: Paths as pages name them: `daemon/app.py`, `daemon/worker/`.
PATH = re.compile(rf"`((?:{'|'.join((*PACKAGES, 'tests', 'docs'))})/[\w./ -]*)`")


def anchor(heading: str) -> str:
    """The fragment that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").strip().lower()).replace(" ", "-")


def broken_links(path: str, text: str) -> list[str]:
    """Links of a page to files that do not exist, or to headings that their page does not have."""
    broken = []
    for link in LINK.findall(CODE.sub("", text)):
        if link.startswith(("http://", "https://")):
            continue
        target, _, fragment = link.partition("#")
        file = (ROOT / path).parent / target if target else ROOT / path
        if not file.exists():
            broken.append(link)
        elif fragment:
            headings = HEADING.findall(CODE.sub("", file.read_text(encoding="utf-8")))
            broken += [link] if fragment not in map(anchor, headings) else []
    return broken


def test_the_readme_is_short() -> None:
    assert len(pages()["README.md"].splitlines()) <= MAX_README_LINES


@pytest.mark.parametrize("path", pages())
def test_links_within_the_pages_resolve(path: str) -> None:
    assert broken_links(path, pages()[path]) == []


@pytest.mark.parametrize("path", [path for path in pages() if path != "CHANGELOG.md"])
def test_files_that_a_page_names_exist(path: str) -> None:
    assert [named for named in PATH.findall(pages()[path]) if not any(ROOT.glob(named.rstrip("/")))] == []


def test_every_page_of_the_docs_can_be_reached_from_the_readme() -> None:
    linked = {link.partition("#")[0] for link in LINK.findall(pages()["README.md"])}
    index = {f"docs/decisions/{link}" for link in LINK.findall(pages()["docs/decisions/README.md"])}
    assert {path for path in pages() if path.startswith("docs/")} <= linked | index


def test_make_help_explains_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.+)$", makefile, re.M)
    assert sorted(re.findall(r"^([a-z-]+):.*## .+$", makefile, re.M)) == sorted(phony.split())


def test_a_broken_link_is_found() -> None:
    text = "[a](nowhere.md) [b](docs/use.md#no-such-heading) [c](#not-here) [d](docs/use.md#commands)"
    assert broken_links("README.md", text) == ["nowhere.md", "docs/use.md#no-such-heading", "#not-here"]
