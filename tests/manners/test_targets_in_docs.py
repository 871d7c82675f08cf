"""The table of targets in docs/report.md has every target of the report, and names cases that exist."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

import pytest

from daemon.evaluation.report.targets import target_rows
from tests.support.checkout import ROOT, pages
from tests.support.reports import RUN

SECTION = pages()["docs/report.md"].split("## The targets\n")[1].split("\n## ")[0]
#: | target | bar | measured by | demo model | needs |
LINES = [line.strip("|") for line in SECTION.splitlines() if line.startswith("| ")][2:]
ROWS = [tuple(cell.strip() for cell in line.split("|")) for line in LINES]
#: A case as pages name it: `suite/case`, or `suite` for all its cases.
CASE = re.compile(r"`([a-z-]+)(?:/([a-z-]+))?`")
BENCH = "bench"


def suites() -> dict[str, set[str]]:
    """The shipped cases by suite."""
    files = (ROOT / "daemon" / "evaluation" / "suites" / "shipped").glob("*.toml")
    return {file.stem: {case["name"] for case in tomllib.loads(file.read_text("utf-8"))["case"]} for file in files}


def named_cases() -> Iterator[tuple[str, str]]:
    for row in ROWS:
        yield from CASE.findall(row[2])


def test_the_table_has_every_target_of_the_report() -> None:
    assert [row[:2] for row in ROWS] == [(row.name, row.target) for row in target_rows(RUN, [], [])]
    assert {len(row) for row in ROWS} == {5}


@pytest.mark.parametrize(("suite", "case"), sorted(set(named_cases())))
def test_what_measures_a_target_exists(suite: str, case: str) -> None:
    if suite != BENCH:
        assert suite in suites()
        assert not case or case in suites()[suite]


def test_every_target_names_what_measures_it_and_what_it_needs() -> None:
    assert [row for row in ROWS if not CASE.search(row[2]) or not all(row)] == []
