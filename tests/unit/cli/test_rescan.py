from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from cli.commands.rescan import comparison
from storage.commands.requests import Answer
from tests.unit.cli.conftest import CliHome, answering

RESULT = {"id": "1", "compare": True, "seen": 3, "left": 0, "compared": 2, "changed": 0, "restored": 1}


def test_without_a_daemon_it_fails(home: CliHome) -> None:
    result = home.invoke("rescan")
    assert result.exit_code == 4
    assert "smolwatch run" in result.stderr


def test_an_inbox_that_cannot_be_listed_is_an_error(home: CliHome) -> None:
    refusal = Answer(error="The inbox cannot be listed now: inbox missing", advice="The daemon lists it later.")
    with answering(home, lambda command: refusal) as commands:
        result = home.invoke("rescan", "--hash")
    assert result.exit_code == 1
    assert "inbox missing\n  The daemon lists it later." in result.stderr
    assert [(command.kind, command.arguments) for command in commands] == [("rescan", {"compare": True})]


@pytest.mark.parametrize(
    ("compared", "changed", "text"),
    [
        (300, 0, "Checked 300 described files: none has changed."),
        (1, 1, "Checked 1 described file: 1 has changed and is queued again."),
        (1300, 2, "Checked 1,300 described files: 2 have changed and are queued again."),
    ],
)
def test_a_comparison_is_reported_in_one_sentence(compared: int, changed: int, text: str) -> None:
    assert comparison(compared, changed) == text


def test_the_result_is_printed(home: CliHome) -> None:
    with answering(home, lambda command: Answer(result=RESULT)):
        result = home.invoke("rescan", "--hash")
    assert result.stdout.splitlines() == [
        "Checked the inbox: 3 files.",
        "The sidecars of 1 file were missing and are restored from the database.",
        "Checked 2 described files: none has changed.",
    ]


def test_programs_get_a_document(home: CliHome) -> None:
    with answering(home, lambda command: Answer(result=RESULT)):
        document: Mapping[str, Any] = json.loads(home.invoke("rescan", "--json").stdout)
    assert document == {"compare": True, "seen": 3, "restored": 1, "compared": 2, "changed": 0}
