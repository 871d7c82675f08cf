"""Every row of the testing plan has cases, and the table in docs/evaluate.md has all rows with their cases."""

from __future__ import annotations

import pytest

from tests.support.checkout import pages
from tests.support.plan_table import BEGIN, END, HEAD, ROWS, cases_by_row, cell_of

TABLE = pages()["docs/evaluate.md"].split(BEGIN)[1].split(END)[0].strip().splitlines()
FOUND = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in TABLE[2:]}


def test_the_table_has_every_row_of_the_plan_once() -> None:
    assert TABLE[0] == HEAD
    assert [line.split("|")[1].strip() for line in TABLE[2:]] == list(ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_a_row_names_its_cases_a_result_and_what_is_missing(row: str) -> None:
    what, cases, result, needs = FOUND[row]
    assert cases_by_row()[row], "no shipped case belongs to this row"
    assert (what, needs) == ROWS[row]
    assert cases == cell_of(cases_by_row()[row]), "run: python -m tests.support.plan_table"
    assert " passed" in result
