"""Each of the sixty faults has a test, and the table in tests/faults/README.md lists all of them."""

from __future__ import annotations

import re

from tests.support.checkout import ROOT

FOLDER = ROOT / "tests" / "faults"
ROW = re.compile(r"^\| (\d+) \| (.+?) \| \[[\w-]+\]\((test_fault_(\d+)_\w+\.py)\) \| (.+?) \|$", re.M)
FIRST_LINE = re.compile(r'"""Fault (\d\d): ')
FILES = sorted(FOLDER.glob("test_fault_*.py"))
README = (FOLDER / "README.md").read_text(encoding="utf-8")
ROWS = ROW.findall(README)
MAC_ROW = re.compile(r"^\| ([AB]\d+) \| .+? \| (.+?) \| .+? \|$", re.M)
LINK = re.compile(r"\[\w+(?:/\w+)*\]\(([\w./]+\.py)\)")


def test_each_of_the_sixty_faults_has_a_row() -> None:
    assert [number for number, *_ in ROWS] == sorted((number for number, *_ in ROWS), key=int)
    assert {int(number) for number, *_ in ROWS} == set(range(1, 61))


def test_each_finding_about_macs_names_a_test_that_exists() -> None:
    found = dict(MAC_ROW.findall(README))
    assert list(found) == [f"A{number}" for number in range(1, 9)] + [f"B{number}" for number in range(1, 19)]
    for number, tests in found.items():
        files = LINK.findall(tests)
        assert files and [file for file in files if not (FOLDER / file).is_file()] == [], number


def test_the_table_names_every_test_file_and_no_other() -> None:
    assert sorted(name for _, _, name, _, _ in ROWS) == [file.name for file in FILES]


def test_a_row_and_its_file_are_about_the_same_fault() -> None:
    assert [(number, name) for number, _, name, own, _ in ROWS if int(own) != int(number)] == []
    for file in FILES:
        first_line = FIRST_LINE.match(file.read_text(encoding="utf-8"))
        assert first_line and f"test_fault_{first_line[1]}_" in file.name, file.name
