from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import event

from cli.render import job_json
from storage.library import Library
from storage.lifecycle import Cause
from storage.records import Refusal
from tests.support.files import description_of, new_file
from tests.unit.cli.conftest import CliHome, shown


def test_jobs_are_listed_newest_first_with_caption_or_reason(home: CliHome) -> None:
    home.describe("first.jpg", b"1", caption="A lighthouse.")
    home.queue("second.jpg", b"2")
    home.store.fail(home.claim(), code="unreadable", reason="The file is damaged.", cause=Cause.INPUT)
    result = home.invoke("ls")
    assert result.exit_code == 0
    lines = [line for line in result.stdout.splitlines() if ".jpg" in line]
    assert "second.jpg" in lines[0]
    assert "failed" in lines[0]
    assert "The file is damaged." in lines[0]
    assert "first.jpg" in lines[1]
    assert "A lighthouse." in lines[1]


@pytest.mark.parametrize("arguments", [(), ("--state", "done"), ("--state", "skipped"), ("--state", "waiting")])
def test_where_nothing_matches_the_exit_code_is_3_and_the_document_empty(
    home: CliHome, arguments: tuple[str, ...]
) -> None:
    assert not home.store.pending.has_any()
    result = home.invoke("ls", *arguments, "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (3, [])
    assert home.invoke("ls", *arguments).exit_code == 3


def test_the_document_has_stable_keys(home: CliHome) -> None:
    home.describe(caption="A lighthouse.")
    (job,) = json.loads(home.invoke("ls", "--json").stdout)
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
        "recipe",
        "caption",
        "answers",
    }
    assert job["queued_at"] == "2026-11-24T09:00:00Z"
    assert (job["state"], job["caption"]) == ("done", "A lighthouse.")


def test_each_job_has_the_keys_of_show_in_every_state(home: CliHome) -> None:
    for number, name in enumerate([b"done.jpg", b"bad\xff\n.jpg", b"published.jpg", b"failed.jpg", b"waits.jpg"]):
        home.queue(name, b"%d" % number)
    done, odd, published, failed, waits = (home.claim() for _ in range(5))
    for claim in (done, odd, published):
        file = new_file(claim.job.path, b"waves")
        description = description_of(file, answers={"caption": 'A "beach"},\n    {" of \u00e9.', "summary": "Sand."})
        home.store.publish(claim, replace(description, digest=claim.job.digest))
    home.store.finish(done)
    home.store.finish(odd)
    home.store.postpone(published, code="disk-full", reason="The disk is full.", not_before=home.clock.now())
    home.store.fail(failed, code="unreadable", reason="Damaged.", cause=Cause.INPUT, detail="x\ud800")
    later = home.clock.now() + timedelta(seconds=5, microseconds=999_999)
    home.store.retry_later(waits, code="hung", reason="Hung.", cause=Cause.TRANSIENT, not_before=later)
    home.store.presence.mark_missing([done.job.path])
    home.queue(b"queued.jpg", b"new")
    with home.reading() as library:
        expected = [
            job_json(job)
            | ({"caption": said["caption"], "answers": said} if (said := answers_of(library, job.id)) else {})
            for job in library.jobs()
        ]
    assert len(expected) == 6
    assert home.invoke("ls", "--json").stdout == json.dumps(expected, indent=2) + "\n"


def answers_of(library: Library, job: int) -> dict[str, str]:
    description = library.description(job)
    return description.answers if description else {}


def test_without_a_caption_the_first_answer_is_shown_and_all_are_in_the_document(home: CliHome) -> None:
    home.queue()
    claim = home.claim()
    answers = {"text_in_picture": "NO SWIMMING", "kind": "A sign."}
    description = replace(description_of(new_file(claim.job.path), answers=answers), digest=claim.job.digest)
    home.store.publish(claim, description)
    home.store.finish(claim)
    assert "NO SWIMMING" in home.invoke("ls").stdout
    [job] = json.loads(home.invoke("ls", "--json").stdout)
    assert (job["caption"], job["answers"]) == ("NO SWIMMING", answers)


def test_a_list_costs_the_same_few_queries_however_long_it_is(home: CliHome) -> None:
    for number in range(20):
        home.describe(f"{number}.jpg", b"%d" % number)
    counts: list[int] = []
    with home.reading() as library:
        for limit in (1, 20):
            statements: list[str] = []
            count = partial(count_into, statements)
            event.listen(library._database._engine, "before_cursor_execute", count)
            assert len(library.listing(limit=limit)) == limit
            event.remove(library._database._engine, "before_cursor_execute", count)
            counts.append(len(statements))
    assert counts[0] == counts[1]


def count_into(statements: list[str], connection: object, cursor: object, statement: str, *others: object) -> None:
    statements.append(statement)


def test_a_state_and_a_number_narrow_the_list(home: CliHome) -> None:
    for number in range(3):
        home.describe(f"{number}.jpg", bytes([number]))
    home.queue("waiting.jpg", b"w")
    queued = json.loads(home.invoke("ls", "--state", "queued", "--json").stdout)
    assert [os.path.basename(job["path"]) for job in queued] == ["waiting.jpg"]
    assert len(json.loads(home.invoke("ls", "-n", "2", "--json").stdout)) == 2


@pytest.mark.parametrize("arguments", [("--state", "lost"), ("-n", "0"), ("-n", "many")])
def test_wrong_choices_are_wrong_usage(home: CliHome, arguments: tuple[str, str]) -> None:
    assert home.invoke("ls", *arguments).exit_code == 2


def test_without_a_database_nothing_is_found(home: CliHome) -> None:
    result = home.invoke("ls")
    assert result.exit_code == 3
    assert "smolwatch run" in result.stderr
    assert json.loads(home.invoke("ls", "--json").stdout) == []


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
def test_hostile_names_are_neutral(home: CliHome, name: bytes, shown: str) -> None:
    home.queue(name)
    result = home.invoke("ls")
    assert shown in result.stdout
    assert not set(result.stdout) & set("\x1b\u202e\udcff")
    (job,) = json.loads(home.invoke("ls", "--json").stdout)
    assert os.fsencode(job["path"]).endswith(b"/" + name)


def test_a_name_is_never_taken_for_an_option(home: CliHome) -> None:
    home.queue(b"-rf")
    assert " ./-rf " in home.invoke("ls").stdout


def test_the_models_text_is_neutral_too(home: CliHome) -> None:
    home.describe(caption="\x1b]0;owned\x07 [link]\nnext")
    shown = home.invoke("ls").stdout
    assert r"\x1b]0;owned\x07 [link]\x0anext" in shown
    assert "\x1b" not in shown


def refuse(home: CliHome, name: bytes, code: str, kind: str | None = None, reason: str = "") -> None:
    path = bytes(home.inbox.resolve()) + b"/" + name
    home.store.refuse(Refusal(path=path, code=code, kind=kind, reason=reason, at=home.clock.now()))
    home.clock.advance(1)


def test_skipped_files_are_listed_with_all_that_was_not_taken(home: CliHome) -> None:
    refuse(home, b"art\xff.psd", "not-allowed", "psd")
    home.queue("film.mp4")
    home.store.skip(home.claim(), code="too-large", reason="The video is too large.")
    home.clock.advance(1)
    refuse(home, b"link.jpg", "symlink", reason="A symbolic link.")
    refuse(home, b"cloud.jpg", "not-downloaded", reason="Waiting: not downloaded.")
    refuse(home, b"still.mov", "live-photo", reason="The other half of a Live Photo.")
    result = home.invoke("ls", "--state", "skipped")
    lines = [line.split(maxsplit=1) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    shown = "\n".join(line[1] for line in lines[2:5])
    assert shown.index("link.jpg") < shown.index("film.mp4") < shown.index(r"art\xff.psd")
    assert "It is a Photoshop file (PSD), which smolwatch does not open." in shown
    assert "cloud.jpg" not in result.stdout and "still.mov" not in result.stdout
    assert result.stdout.splitlines()[-1] == "Not taken: 1 Photoshop file (PSD), 1 symbolic link"
    document = json.loads(home.invoke("ls", "--state", "skipped", "--json").stdout)
    assert [one["state"] for one in document] == ["skipped"] * 3
    assert os.fsencode(document[2].pop("path")).endswith(b"/art\xff.psd")
    document[2].pop("path_b64")
    assert document[2] == {
        "state": "skipped",
        "kind": "psd",
        "refused_at": "2026-11-24T09:00:00Z",
        "reason_code": "not-allowed",
        "reason": "It is a Photoshop file (PSD), which smolwatch does not open.",
        "advice": "Export it as JPEG or PNG into the inbox.",
    }
    assert document[1]["id"] == 1


def test_files_that_cannot_be_taken_yet_are_listed_as_waiting(home: CliHome) -> None:
    refuse(home, b"song.mp3", "not-allowed", "mp3")
    refuse(home, b"cloud.jpg", "not-downloaded", reason="Waiting: not downloaded.")
    (one,) = json.loads(home.invoke("ls", "--state", "waiting", "--json").stdout)
    assert (one["state"], one["reason_code"], one["reason"]) == (
        "waiting",
        "not-downloaded",
        "Waiting: not downloaded.",
    )
    assert "advice" not in one


def test_a_list_says_how_much_it_leaves_out(home: CliHome) -> None:
    for number in range(4):
        refuse(home, b"%d.mp3" % number, "not-allowed", "mp3")
    shown = home.invoke("ls", "--state", "skipped", "-n", "3").stdout.splitlines()
    assert shown[-2:] == ["… and 1 more (-n 4 lists them all)", "Not taken: 4 songs"]
    assert len(shown) == 2 + 3 + 2
    for number in range(3):
        home.queue(f"{number}.jpg", bytes([number]))
    shown = home.invoke("ls", "-n", "2").stdout.splitlines()
    assert shown[-2:] == ["… and 1 more (-n 3 lists them all)", "4 files were not taken: smolwatch ls --state skipped"]
    assert not any("mp3" in line for line in shown)


def test_a_home_with_foreign_files_alone_says_where_they_are_listed(home: CliHome) -> None:
    refuse(home, b"song.mp3", "not-allowed", "mp3")
    result = home.invoke("ls")
    assert result.exit_code == 3
    assert "1 file was not taken: smolwatch ls --state skipped" in result.stderr


def test_a_file_that_is_gone_is_listed_as_gone(home: CliHome) -> None:
    home.describe()
    home.describe("sea.jpg", b"sea", "A sea.")
    home.store.presence.mark_missing([bytes((home.inbox / "beach.jpg").resolve())])
    there, gone = home.invoke("ls").stdout.splitlines()[-2:]
    assert f"Gone since {shown(home.clock.now())}; its description is kept. A beach." in gone
    assert "Gone" not in there


def test_what_was_finished_last_comes_first(home: CliHome) -> None:
    first, second = home.queue("first.jpg", b"1"), home.queue("second.jpg", b"2")
    claims = {claim.job.id: claim for claim in (home.claim(), home.claim())}
    home.clock.advance(10)
    home.store.fail(claims[second], code="unreadable", reason="Damaged.", cause=Cause.INPUT)
    home.clock.advance(10)
    home.store.fail(claims[first], code="unreadable", reason="Damaged.", cause=Cause.INPUT)
    home.clock.advance(-5)
    third = home.queue("third.jpg", b"3")
    for limit in ("50", "2"):
        found = json.loads(home.invoke("ls", "--json", "-n", limit).stdout)
        assert [job["id"] for job in found] == [first, third, second][: int(limit)]
