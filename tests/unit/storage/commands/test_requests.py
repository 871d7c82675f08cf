from __future__ import annotations

import pytest

from config.errors import NotFoundError
from storage.commands.requests import Answer
from storage.errors import CommandFailedError


def test_an_empty_result_is_a_result() -> None:
    assert Answer(result={}).result_or_raise() == {}


def test_an_error_keeps_message_advice_and_exit_code() -> None:
    with pytest.raises(CommandFailedError, match=r"No such job\.") as caught:
        Answer.of_error(NotFoundError("No such job.", advice="List them.")).result_or_raise()
    assert (caught.value.advice, caught.value.exit_code) == ("List them.", 3)
    assert CommandFailedError("x").exit_code == 1, "the code of one error is not that of all"


def test_an_error_survives_its_row_also_with_fields_of_a_newer_version() -> None:
    answer = Answer(error="No such job.", advice="List them.", exit_code=3, is_abandoned=True)
    assert Answer.from_error_json(answer.error_json() | {"colour": "red"}) == answer
