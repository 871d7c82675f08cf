from __future__ import annotations

import json
import os

import pytest

from storage.lifecycle import Cause
from tests.unit.cli.conftest import House


def test_jobs_are_listed_newest_first_with_caption_or_reason(house: House) -> None:
    house.describe("first.jpg", b"1", caption="A lighthouse.")
    house.queue("second.jpg", b"2")
    house.store.fail(house.claim(), code="unreadable", reason="The file is damaged.", cause=Cause.INPUT)
    result = house.ask("ls")
    assert result.exit_code == 0
    lines = [line for line in result.stdout.splitlines() if ".jpg" in line]
    assert "second.jpg" in lines[0]
    assert "failed" in lines[0]
    assert "The file is damaged." in lines[0]
    assert "first.jpg" in lines[1]
    assert "A lighthouse." in lines[1]


def test_an_empty_list_is_an_empty_document(house: House) -> None:
    assert house.store.waiting() == 0
    result = house.ask("ls", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])


def test_the_document_has_stable_keys(house: House) -> None:
    house.describe(caption="A lighthouse.")
    (job,) = json.loads(house.ask("ls", "--json").stdout)
    assert set(job) == {
        "id",
        "state",
        "path",
        "kind",
        "format",
        "digest",
        "bytes",
        "attempts",
        "max_attempts",
        "queued_at",
        "started_at",
        "finished_at",
        "caption",
    }
    assert job["queued_at"] == "2026-11-24T09:00:00Z"
    assert (job["state"], job["caption"]) == ("done", "A lighthouse.")


def test_a_state_and_a_number_narrow_the_list(house: House) -> None:
    for number in range(3):
        house.describe(f"{number}.jpg", bytes([number]))
    house.queue("waiting.jpg", b"w")
    queued = json.loads(house.ask("ls", "--state", "queued", "--json").stdout)
    assert [os.path.basename(job["path"]) for job in queued] == ["waiting.jpg"]
    assert len(json.loads(house.ask("ls", "-n", "2", "--json").stdout)) == 2


@pytest.mark.parametrize("arguments", [("--state", "lost"), ("-n", "0"), ("-n", "many")])
def test_wrong_choices_are_wrong_usage(house: House, arguments: tuple[str, str]) -> None:
    assert house.ask("ls", *arguments).exit_code == 2


def test_without_a_database_nothing_is_found(house: House) -> None:
    result = house.ask("ls")
    assert result.exit_code == 3
    assert "smolwatch run" in result.stderr


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"two\nlines.jpg", r"two\x0alines.jpg"),
        (b"\x1b[2Jclear.jpg", r"\x1b[2Jclear.jpg"),
        ("gpj.\u202eeerhT.jpg".encode(), r"gpj.\u202eeerhT.jpg"),
        (b"bad\xff.jpg", r"bad\xff.jpg"),
        (b"[red]bold[].jpg", "[red]bold[].jpg"),
        (b":smile:.jpg", ":smile:.jpg"),
    ],
)
def test_hostile_names_are_neutral(house: House, name: bytes, shown: str) -> None:
    house.queue(name)
    result = house.ask("ls")
    assert shown in result.stdout
    assert not set(result.stdout) & set("\x1b\u202e\udcff")
    (job,) = json.loads(house.ask("ls", "--json").stdout)
    assert os.fsencode(job["path"]).endswith(b"/" + name)


def test_a_name_is_never_taken_for_an_option(house: House) -> None:
    house.queue(b"-rf")
    assert " ./-rf " in house.ask("ls").stdout


def test_what_the_model_says_is_neutral_too(house: House) -> None:
    house.describe(caption="\x1b]0;owned\x07 [link]\nnext")
    shown = house.ask("ls").stdout
    assert r"\x1b]0;owned\x07 [link]\x0anext" in shown
    assert "\x1b" not in shown
