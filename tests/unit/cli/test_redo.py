from __future__ import annotations

import json
import os

import pytest

from cli.commands import redo
from config.recipes import load_recipe
from storage.lifecycle import JobState
from storage.records import Job
from tests.unit.cli.conftest import CliHome


def queued(home: CliHome) -> list[Job]:
    with home.reading() as library:
        return library.jobs(state=JobState.QUEUED)


def describe_three(home: CliHome) -> None:
    (home.inbox / "trip").mkdir()
    for name in ("a.jpg", "b.jpg", "trip/c.jpg"):
        home.describe(name, name.encode())


def test_how_many_and_how_long_is_printed_before_all_are_queued(home: CliHome) -> None:
    describe_three(home)
    result = home.invoke("redo", "--recipe", "alt-text")
    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert first.startswith("3 files to describe again by recipe alt-text: about ")
    assert first.endswith(" at today's rate.")
    assert second == "Queued: 3"
    assert "No daemon is running" in result.stderr
    jobs = queued(home)
    assert {job.spec.recipe_digest for job in jobs} == {load_recipe("alt-text").digest}
    assert {job.name for job in jobs} == {"a.jpg", "b.jpg", "c.jpg"}


def test_given_files_and_folders_alone_are_queued(home: CliHome) -> None:
    describe_three(home)
    assert home.invoke("redo", "b.jpg", str(home.inbox / "trip")).exit_code == 0
    assert {job.name for job in queued(home)} == {"b.jpg", "c.jpg"}
    assert {job.spec.recipe for job in queued(home)} == {"default"}


def test_a_detail_is_chosen_for_the_files(home: CliHome) -> None:
    describe_three(home)
    assert home.invoke("redo", "a.jpg", "--detail", "full").exit_code == 0
    assert {job.spec.detail for job in queued(home)} == {"full"}
    assert home.invoke("redo", "--detail", "coarse").exit_code == 2
    others = home.invoke("redo", "--changed", "--detail", "full", "--json")
    assert json.loads(others.stdout)["count"] == 2, "one of three waits for it"


def test_an_unknown_file_or_recipe_queues_nothing(home: CliHome) -> None:
    describe_three(home)
    missing = home.invoke("redo", "a.jpg", "z.jpg")
    assert missing.exit_code == 3
    assert "No job for z.jpg" in missing.stderr
    unknown = home.invoke("redo", "--recipe", "alt-txt")
    assert unknown.exit_code == 78
    assert "Did you mean alt-text?" in unknown.stderr
    assert queued(home) == []


def test_where_nothing_has_changed_nothing_is_queued(home: CliHome) -> None:
    home.describe()
    home.invoke("redo", "--recipe", "alt-text")
    result = home.invoke("redo", "--recipe", "alt-text", "--changed")
    assert result.stdout == "No described file is to be described again by recipe alt-text.\n"
    assert len(queued(home)) == 1


def test_a_terminal_is_asked_first(home: CliHome, monkeypatch: pytest.MonkeyPatch) -> None:
    home.describe()
    monkeypatch.setattr(redo, "is_interactive", lambda: True)
    assert home.invoke("redo", input="n\n").exit_code == 1
    assert queued(home) == []
    assert home.invoke("redo", input="\n").exit_code == 0
    assert len(queued(home)) == 1


def test_the_document_has_stable_keys(home: CliHome) -> None:
    describe_three(home)
    document = json.loads(home.invoke("redo", "--json").stdout)
    assert set(document) == {"recipe", "count", "queued", "seconds"}
    assert (document["recipe"], document["count"], document["queued"]) == ("default", 3, 3)


def test_a_file_that_is_missing_is_left_out(home: CliHome) -> None:
    home.describe()
    (home.inbox / "beach.jpg").unlink()
    home.store.presence.mark_missing([os.fsencode(home.inbox.resolve() / "beach.jpg")])
    document = json.loads(home.invoke("redo", "--json").stdout)
    assert (document["count"], document["queued"]) == (0, 0)


def test_each_file_is_asked_by_the_recipe_and_detail_of_its_inbox_and_folder(home: CliHome) -> None:
    describe_three(home)
    home.settings.config_file.write_text(
        '[inbox]\nrecipe = "brief"\ndetail = "fast"\n[[inbox.folder]]\nmatch = "trip"\nrecipe = "document"\n'
    )
    result = home.invoke("redo")
    assert result.stdout.startswith("3 files to describe again by recipe brief, document: ")
    specs = {job.name: (job.spec.recipe, job.spec.detail) for job in queued(home)}
    assert specs == {"a.jpg": ("brief", "fast"), "b.jpg": ("brief", "fast"), "c.jpg": ("document", "fast")}
    assert json.loads(home.invoke("redo", "--json").stdout)["count"] == 0
