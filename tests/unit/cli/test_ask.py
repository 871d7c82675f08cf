"""`smolwatch ask`: what is typed, what is sent to the daemon, and what is shown of its answer."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from cli.daemon_asks import START_SECONDS, longest_wait, obstacle
from daemon.asking.question import MOST_FILES, Ask
from daemon.lock import HomeLock
from storage.commands.ask_inbox import AskInbox, AskState
from storage.commands.requests import Answer, Command, CommandKind
from storage.db.tables import jobs
from storage.lifecycle import JobState
from storage.records import Fingerprint
from storage.status.board import StatusBoard
from storage.status.values import EngineStatus
from tests.unit.cli.conftest import CliHome

SAFE_MODE = EngineStatus(state="safe mode", reason="It died five times.", advice="Stop it.")
RESULT: dict[str, Any] = {"answers": [{"text": "Four.", "tokens": 2, "complete": True, "faults": []}], "model": "demo"}


@contextmanager
def worker(home: CliHome, answer: Answer) -> Iterator[list[Ask]]:
    """A daemon that holds the lock, and a worker that gives every question this answer."""
    asks, asked, is_over = AskInbox(home.opened(), home.clock.now), list[Ask](), threading.Event()

    def work(run: str) -> None:
        while not is_over.wait(0.01):
            for command in asks.take_new(run, most=9):
                asked.append(Ask.from_arguments(command.arguments))
                asks.answer(command.id, answer)

    with HomeLock(home.settings.lock_file) as lock:
        thread = threading.Thread(target=work, args=(lock.run,))
        thread.start()
        try:
            yield asked
        finally:
            is_over.set()
            thread.join()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    (tmp_path / "photo.png").write_bytes(b"picture")
    return tmp_path / "photo.png"


def test_what_is_typed_is_sent_to_the_daemon_with_absolute_paths(
    home: CliHome, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photo.parent / "link.png").symlink_to(photo)
    home.drop("beach.jpg")
    monkeypatch.chdir(photo.parent)
    options = ["--system", "Be brief.", "--tokens", "9", "--detail", "fast"]
    options += ["--temperature", "0.7", "--top-p", "0.9", "--seed", "5", "--repeat", "3"]
    with worker(home, Answer(result=RESULT)) as asked:
        result = home.invoke("ask", "photo.png", "link.png", "beach.jpg", " What is different? ", *options)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "Four.\n", "")
    path = os.fsencode(photo.resolve())
    assert asked == [
        Ask(
            question="What is different?",
            files=(path, path, os.fsencode(home.inbox.resolve() / "beach.jpg")),
            system="Be brief.",
            tokens=9,
            detail="fast",
            temperature=0.7,
            top_p=0.9,
            seed=5,
            repeat=3,
        )
    ]


def test_without_a_temperature_nothing_is_sampled_and_with_one_alone_each_time_by_another_seed(home: CliHome) -> None:
    with worker(home, Answer(result=RESULT)) as asked:
        for _ in range(2):
            assert home.invoke("ask", "A number?").exit_code == 0
            assert home.invoke("ask", "A number?", "--temperature", "1").exit_code == 0
    assert asked[0] == asked[2] == Ask(question="A number?")
    assert asked[1].seed != asked[3].seed


def test_json_has_the_question_its_files_and_the_whole_result(home: CliHome, photo: Path) -> None:
    with worker(home, Answer(result=RESULT)):
        result = home.invoke("ask", str(photo), "How many?", "--json", "--temperature", "0.5", "--seed", "7")
    document = json.loads(result.stdout)
    assert document.pop("wall_seconds") >= 0
    assert document == {
        "question": "How many?",
        "files": [{"path": str(photo.resolve())}],
        "temperature": 0.5,
        "top_p": 1.0,
        "seed": 7,
        "daemon": True,
        **RESULT,
    }


def test_several_answers_are_numbered_and_one_at_its_limit_is_noted(home: CliHome) -> None:
    answers = [
        {"text": "Red.", "tokens": 2, "complete": True, "faults": []},
        {"text": "It is\x1b[2J", "tokens": 3, "complete": False, "faults": ["cut-off"]},
    ]
    with worker(home, Answer(result={"answers": answers})):
        result = home.invoke("ask", "A colour?", "--temperature", "1", "--repeat", "2", "--tokens", "3")
    assert result.stdout == "1. Red.\n2. It is\\x1b[2J\n"
    assert result.stderr == "smolwatch: the answer ended at its limit of 3 tokens; see --tokens.\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "The question is empty"),
        ([" "], "The question is empty"),
        (["{photo}"], "the question is missing"),
        (["What?", "--seed", "1"], "need a --temperature above 0"),
        (["What?", "--repeat", "2"], "need a --temperature above 0"),
        (["{photo}"] * (MOST_FILES + 1) + ["What?"], "101 files are too many"),
        (["What?", "--temperature", "3"], "3.0 is not in the range"),
    ],
)
def test_wrong_usage_is_explained(home: CliHome, photo: Path, words: list[str], sentence: str) -> None:
    result = home.invoke("ask", *(word.format(photo=photo) for word in words))
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_a_question_that_is_longer_than_any_name_is_sent(home: CliHome) -> None:
    question = "What is different? " * 400
    with worker(home, Answer(result=RESULT)) as asked:
        assert home.invoke("ask", question).exit_code == 0
    assert asked == [Ask(question=question.strip())]


def test_a_file_that_does_not_exist_is_named(home: CliHome) -> None:
    result = home.invoke("ask", "photo.jpg", "How", "many", "people?")
    assert result.exit_code == 3
    assert "No such file: photo.jpg" in result.stderr
    assert "in quotes" in result.stderr


def test_the_worker_s_error_has_its_own_exit_code(home: CliHome) -> None:
    with worker(home, Answer(error="There are no weights.", advice="Fetch them.", exit_code=6)):
        result = home.invoke("ask", "What?")
    assert (result.exit_code, result.stderr) == (6, "smolwatch: There are no weights.\n  Fetch them.\n")


def test_a_daemon_that_stops_leaves_a_sentence(home: CliHome) -> None:
    with worker(home, Answer(error="The daemon ended.", exit_code=4, is_abandoned=True)):
        result = home.invoke("ask", "What?")
    assert result.exit_code == 4
    assert "stopped before it answered the question" in result.stderr


def test_a_daemon_in_safe_mode_is_named(home: CliHome) -> None:
    with HomeLock(home.settings.lock_file) as lock:
        StatusBoard(home.opened(), lock.run).post(SAFE_MODE)
        result = home.invoke("ask", "What?")
        assert not AskInbox(home.opened(), home.clock.now).waiting(lock.run), "it is withdrawn"
    assert result.exit_code == 1
    assert "safe mode: It died five times." in result.stderr


def test_the_safe_mode_of_the_daemon_before_refuses_no_question(home: CliHome) -> None:
    home.board.post(SAFE_MODE)
    with HomeLock(home.settings.lock_file) as lock:
        command = Command(id=1, run=lock.run, kind=CommandKind.ASK, arguments={}, sender="")
        state = AskState(answer=None, partial="", is_taken=False)
        assert obstacle(home.settings, home.board, command, state, 1.0) is None


def test_a_daemon_that_takes_no_question_is_not_waited_for_for_ever(home: CliHome) -> None:
    with HomeLock(home.settings.lock_file) as lock:
        command = Command(id=1, run=lock.run, kind=CommandKind.ASK, arguments={}, sender="")
        errors = {
            (is_taken, waited): obstacle(
                home.settings, home.board, command, AskState(answer=None, partial="", is_taken=is_taken), waited
            )
            for is_taken in (False, True)
            for waited in (START_SECONDS - 1, START_SECONDS)
        }
        lock.note("The disk is full.")
        trouble = obstacle(home.settings, home.board, command, AskState(answer=None, partial="", is_taken=False), 99.0)
    assert [place for place, error in errors.items() if error] == [(False, START_SECONDS)]
    assert "did not take the question within 30 s" in str(errors[False, START_SECONDS])
    assert "The disk is full." in str(trouble)


def test_loading_a_model_is_waited_for_longer(home: CliHome) -> None:
    states = ("idle", "ready", "loading")
    waits = [longest_wait(home.settings, state) for state in states]
    assert waits == sorted(waits)
    assert waits[-1] > 5 * home.settings.work.stall_seconds, "the worker is killed as hung first"


SAVED = RESULT | {"revision": "1"}


def asked_of(home: CliHome, number: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(home.invoke("show", str(number), "--json").stdout)["asked"]
    return found


def test_an_answer_is_kept_with_the_record_of_its_file_only_on_request(home: CliHome) -> None:
    number = describe(home)
    with worker(home, Answer(result=SAVED)):
        assert home.invoke("ask", "beach.jpg", "How many?").stderr == ""
        assert "asked" not in json.loads(home.invoke("show", str(number), "--json").stdout)
        result = home.invoke("ask", "beach.jpg", "How  many?", "--save", "--system", "Be brief.")
    assert (result.exit_code, result.stdout) == (0, "Four.\n")
    assert result.stderr == f"smolwatch: the answer is saved with {home.inbox.resolve()}/beach.jpg.\n"
    kept = asked_of(home, number)["How many?"]
    assert (kept["answer"], kept["model"], kept["revision"], kept["system"]) == ("Four.", "demo", "1", "Be brief.")
    assert "asked: How many?\n  Four.\n" in home.invoke("show", str(number)).stdout
    with home.reading() as library:
        assert library.job(number).state is JobState.PUBLISHING, "the worker renews the sidecars"


def test_an_answer_that_is_saved_twice_is_kept_once(home: CliHome) -> None:
    number = describe(home)
    for text in ("Three.", "Four."):
        answers: list[dict[str, Any]] = [{"text": text, "tokens": 2, "complete": True, "faults": []}]
        with worker(home, Answer(result=SAVED | {"answers": answers})):
            document = json.loads(home.invoke("ask", "beach.jpg", "How many?", "--save", "--json").stdout)
        assert document["saved_with"] == number
    assert [kept["answer"] for kept in asked_of(home, number).values()] == ["Four."]


@pytest.mark.parametrize(
    "words",
    [
        ["What is 2 + 3?"],
        ["beach.jpg", "beach.jpg", "What is different?"],
        ["beach.jpg", "A number?", "--temperature", "1", "--repeat", "2"],
        ["{photo}", "What is this?"],
    ],
)
def test_only_one_answer_about_one_file_of_the_inbox_can_be_saved(home: CliHome, photo: Path, words: list[str]) -> None:
    describe(home)
    with worker(home, Answer(result=SAVED)) as asked:
        result = home.invoke("ask", *(word.format(photo=photo) for word in words), "--save")
    assert (result.exit_code, asked) == (2, [])
    assert "--save keeps" in result.stderr


def test_a_file_without_a_record_is_refused_before_it_is_asked_about(home: CliHome) -> None:
    home.drop("new.jpg")
    with worker(home, Answer(result=SAVED)) as asked:
        result = home.invoke("ask", "new.jpg", "How many?", "--save")
    assert (result.exit_code, asked) == (3, [])
    assert "There is no record of" in result.stderr


def test_a_file_that_was_changed_since_it_was_described_is_refused(home: CliHome) -> None:
    describe(home)
    home.drop("beach.jpg", b"other waves")
    with worker(home, Answer(result=SAVED)) as asked:
        result = home.invoke("ask", "beach.jpg", "How many?", "--save")
    assert (result.exit_code, asked) == (1, [])
    assert "smolwatch has not noticed its present content yet" in result.stderr


def describe(home: CliHome) -> int:
    """beach.jpg, described, with the fingerprint that it really has."""
    number = home.describe("beach.jpg")
    found = Fingerprint.of((home.inbox / "beach.jpg").stat())
    with home.opened().write() as connection:
        connection.execute(update(jobs).where(jobs.c.id == number).values(fingerprint=found))
    return number
