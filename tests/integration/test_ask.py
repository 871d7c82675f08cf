"""`smolwatch ask` with a real daemon, with none, and with one that ends in the middle."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import psutil
import pytest

from cli.daemon_commands import change_jobs, rescan
from daemon.clock import SystemClock
from daemon.lock import held
from storage.commands.ask_inbox import AskInbox
from storage.commands.requests import CommandKind
from storage.db.database import Database, open_database
from storage.errors import BusyError
from storage.lifecycle import JobState
from tests.fakes.scripted_worker import ASLEEP, CRASH, FAIL, SLOW
from tests.support.processes import DaemonHome, workers
from tests.support.running_jobs import draw, hold_a_job, start_with_worker
from tests.support.waiting import wait_for

DONE, QUEUED = JobState.DONE, JobState.QUEUED
QUESTION = "What is this?"


@dataclass(frozen=True)
class Asked:
    """The result of one `smolwatch ask`."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


class Asking:
    """One `smolwatch ask` that is running."""

    def __init__(self, home: DaemonHome, *words: str) -> None:
        self._began = time.monotonic()
        self._process = home.type("ask", *words)

    def is_waiting(self) -> bool:
        return self._process.poll() is None

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def result(self, timeout: float = 50) -> Asked:
        out, err = self._process.communicate(timeout=timeout)
        assert "Traceback" not in err
        return Asked(self._process.returncode, out, err, time.monotonic() - self._began)


def ask(home: DaemonHome, *words: str) -> Asked:
    return Asking(home, *words).result()


def suspended(home: DaemonHome) -> subprocess.Popen[str]:
    """A daemon without a worker that is suspended at rest: it holds no lock of the database."""
    daemon = home.start_and_wait()
    rescan(home.settings, compare=False)
    with closing(open_database(home.settings.database_place, busy_seconds=0.2)) as database:
        wait_for(lambda: is_suspended_at_rest(daemon, database), 30, every=0.5)
    return daemon


def is_suspended_at_rest(daemon: subprocess.Popen[str], database: Database) -> bool:
    """Suspend it; where it holds the lock then, it goes on."""
    daemon.send_signal(signal.SIGSTOP)
    wait_for(lambda: psutil.Process(daemon.pid).status() == psutil.STATUS_STOPPED)
    try:
        database.check_lock()
    except BusyError:
        daemon.send_signal(signal.SIGCONT)
        return False
    return True


def has_question(home: DaemonHome) -> bool:
    """Whether one waits for the running daemon's worker."""
    holder = held(home.settings.lock_file)
    assert holder is not None
    with closing(open_database(home.settings.database_place, read_only=True)) as database:
        return bool(AskInbox(database, SystemClock().now).waiting(holder[1]))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    with closing(DaemonHome(tmp_path / "home")) as home:
        yield home


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[DaemonHome]:
    """The model crashes, fails or sleeps on a picture of a certain width."""
    with closing(DaemonHome(tmp_path / "home", scripted=True)) as home:
        yield home


@pytest.fixture
def photo(tmp_path: Path) -> str:
    """Outside every inbox."""
    return str(draw(tmp_path / "photo.png", size=(80, 60)))


def test_a_question_is_answered_by_the_running_daemon_and_starts_its_worker(home: DaemonHome, photo: str) -> None:
    home.start_and_wait()
    assert home.engine().state == "idle"
    answered = ask(home, photo, QUESTION)
    assert (answered.code, answered.out, answered.err) == (0, "A picture of 80x60.\n", "")
    document = ask(home, photo, photo, "What is different?", "--json").document
    assert [answer["text"] for answer in document["answers"]] == ["A picture of 80x60 and 80x60."]
    assert document["daemon"]
    assert ask(home, "What is 2 + 3?").out == "No picture.\n"
    assert home.states() == {}, "a question is no job"


def test_a_question_that_is_asked_without_a_daemon_is_answered_by_its_own_process(home: DaemonHome, photo: str) -> None:
    answered = ask(home, photo, QUESTION)
    assert (answered.code, answered.out) == (0, "A picture of 80x60.\n")
    assert "no daemon is running" in answered.err


def test_a_question_waits_for_the_first_daemon_to_create_its_database(home: DaemonHome, photo: str) -> None:
    """The daemon waits meanwhile for another program, which holds the empty file, ten seconds at most."""
    home.settings.database_file.touch()
    with closing(sqlite3.connect(home.settings.database_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        home.start()
        wait_for(lambda: held(home.settings.lock_file), 30)
        asked = Asking(home, photo, QUESTION)
        time.sleep(3)
        assert asked.is_waiting()
        other.execute("ROLLBACK")
    answered = asked.result()
    assert (answered.code, answered.out, answered.err) == (0, "A picture of 80x60.\n", "")


def test_eight_people_who_ask_at_once_get_an_answer_each_while_pictures_are_described(
    home: DaemonHome, tmp_path: Path
) -> None:
    home.start_and_wait()
    change_jobs(home.settings, CommandKind.PAUSE)
    for number in range(60):
        draw(home.inbox / f"{number}.png", size=(40 + number, 50))
    wait_for(lambda: len(home.states()) == 60, 30)
    photos = [str(draw(tmp_path / f"photo{number}.png", size=(200 + number, 60))) for number in range(8)]
    change_jobs(home.settings, CommandKind.RESUME)
    asked = [Asking(home, photo, f"Question {number}") for number, photo in enumerate(photos)]
    for number, each in enumerate(asked):
        answered = each.result()
        assert (answered.code, answered.out) == (0, f"A picture of {200 + number}x60.\n")
    wait_for(lambda: set(home.states().values()) == {DONE}, 50)
    assert {job.attempts for job in home.jobs().values()} == {1}


def test_questions_are_answered_while_work_is_paused(home: DaemonHome, photo: str) -> None:
    home.start_and_wait()
    change_jobs(home.settings, CommandKind.PAUSE)
    draw(home.inbox / "a.png")
    wait_for(lambda: home.states() == {"a.png": QUEUED}, 30)
    assert ask(home, photo, QUESTION).code == 0
    assert home.states() == {"a.png": QUEUED}


def test_a_saved_answer_is_in_the_sidecars_and_stays_when_the_file_is_described_again(home: DaemonHome) -> None:
    picture = draw(home.inbox / "a.png", size=(80, 60))
    home.start_and_wait()
    wait_for(lambda: home.states() == {"a.png": DONE}, 30)
    text, record = picture.with_name("a.png.md"), picture.with_name("a.png.smolwatch.json")
    text.write_text(text.read_text() + "\n## Mine\n\nMy own words.\n")
    for _ in range(2):
        answered = ask(home, str(picture), QUESTION, "--save")
        assert (answered.code, answered.out) == (0, "A picture of 80x60.\n")
    wait_for(lambda: "asked" in json.loads(record.read_text()) and home.states() == {"a.png": DONE}, 30)
    first = home.jobs()["a.png"]
    change_jobs(home.settings, CommandKind.RETRY, {"jobs": [first.id]})
    wait_for(lambda: home.jobs()["a.png"].id != first.id and home.states() == {"a.png": DONE}, 30)
    assert [each["answer"] for each in json.loads(record.read_text())["asked"].values()] == ["A picture of 80x60."]
    assert text.read_text().count(f"## Asked: {QUESTION}\n\nA picture of 80x60.\n") == 1
    assert "My own words." in text.read_text()


@pytest.mark.parametrize("with_daemon", [True, False])
def test_what_cannot_be_asked_about_is_refused_with_a_sentence(
    home: DaemonHome, tmp_path: Path, photo: str, with_daemon: bool
) -> None:
    if with_daemon:
        home.start_and_wait()
    text = tmp_path / "notes.txt"
    text.write_text("no picture")
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(Path(photo).read_bytes()[:40])
    for words, code, sentence, what_to_do in (
        ((str(tmp_path / "nowhere.png"), QUESTION), 3, "No such file", "Type the question last and in quotes"),
        ((str(text), QUESTION), 1, "notes.txt: It is a text file", "Ask about a picture or a video."),
        ((photo, str(damaged), QUESTION), 1, "damaged.png: ", "Ask about an undamaged copy"),
        ((str(tmp_path), QUESTION), 1, "It is a folder, not a file.", "Name the picture or the video itself."),
        ((*[photo] * 101, QUESTION), 2, "101 files are too many", "Ask about fewer at once."),
        ((photo,), 2, "the question is missing", "smolwatch ask photo.jpg"),
        ((photo, " "), 2, "The question is empty", "Type it in quotes"),
        ((QUESTION, "--seed", "1"), 2, "need a --temperature", "above 0"),
    ):
        answered = ask(home, *words)
        assert (answered.code, answered.out) == (code, ""), answered.err
        assert sentence in answered.err
        assert what_to_do in answered.err
    assert not with_daemon or home.states() == {}


@pytest.mark.parametrize("with_daemon", [True, False])
def test_a_prompt_that_is_too_long_is_refused_with_what_to_do(tmp_path: Path, photo: str, with_daemon: bool) -> None:
    """The demo model's context has 1,024 tokens: 7 for each small picture, and about one for each word."""
    environ = {"SMOLWATCH_MODEL__ENGINE": "torch", "SMOLWATCH_MODEL__ID": "demo"}
    with closing(DaemonHome(tmp_path / "home", environ)) as home:
        if with_daemon:
            home.start_and_wait()
        answered = ask(home, *[photo] * 90, "What is different? " * 150)
        assert (answered.code, answered.out) == (1, "")
        assert "tokens; the model takes 1024." in answered.err
        assert "Give fewer pictures, or less detail (`--detail fast`), or shorten the question." in answered.err
        if with_daemon:
            answered = ask(home, "What is different? " * 400)
            assert (answered.code, answered.out) == (1, "")
            assert "Shorten the question." in answered.err
            assert ask(home, photo, QUESTION).code == 0, "the next question is answered"


def test_a_question_without_a_model_is_refused_as_run_refuses(tmp_path: Path, photo: str) -> None:
    environ = {"SMOLWATCH_MODEL__ENGINE": "torch", "SMOLWATCH_MODEL__ID": str(tmp_path / "nothing")}
    with closing(DaemonHome(tmp_path / "home", environ)) as home:
        for with_daemon in (False, True):
            if with_daemon:
                home.start_and_wait()
            answered = ask(home, photo, QUESTION)
            assert (answered.code, answered.out) == (6, "")
            assert f"There is no folder {tmp_path / 'nothing'}" in answered.err
            assert 'Give "demo"' in answered.err


def test_a_worker_that_is_killed_is_replaced_and_the_question_answered(scripted: DaemonHome, tmp_path: Path) -> None:
    daemon = start_with_worker(scripted)
    draw(scripted.inbox / "slow.png", size=(SLOW, 40))
    wait_for(lambda: scripted.logged(ASLEEP), 30)
    asked = Asking(scripted, str(draw(tmp_path / "photo.png", size=(80, 60))), QUESTION)
    time.sleep(1)
    change_jobs(scripted.settings, CommandKind.CANCEL, {"jobs": [scripted.jobs()["slow.png"].id]})
    scripted.worker(daemon).kill()
    answered = asked.result()
    assert (answered.code, answered.out) == (0, "A picture of 80x60.\n")


@pytest.mark.parametrize(("width", "sentence"), [(CRASH, "ended twice"), (FAIL, "failed on the question twice")])
def test_a_question_on_which_the_model_fails_twice_is_refused_and_blocks_no_job(
    scripted: DaemonHome, tmp_path: Path, width: int, sentence: str
) -> None:
    start_with_worker(scripted)
    asked = Asking(scripted, str(draw(tmp_path / "photo.png", size=(width, 60))), QUESTION)
    answered = asked.result()
    assert answered.code == 1
    assert sentence in answered.err
    draw(scripted.inbox / "later.png", "green", (80, 50))
    wait_for(lambda: scripted.states().get("later.png") is DONE, 30)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_daemon_that_ends_in_the_middle_leaves_a_sentence(
    scripted: DaemonHome, tmp_path: Path, number: signal.Signals
) -> None:
    daemon = start_with_worker(scripted)
    asked = Asking(scripted, str(draw(tmp_path / "photo.png", size=(SLOW, 60))), QUESTION)
    wait_for(lambda: scripted.logged(ASLEEP), 30)
    daemon.send_signal(number)
    ended = time.monotonic()
    answered = asked.result()
    assert time.monotonic() - ended < 10
    assert answered.code == 4
    assert "before it answered the question" in answered.err


def test_a_daemon_that_is_killed_in_the_middle_of_an_answer_loses_no_running_job(
    scripted: DaemonHome, tmp_path: Path
) -> None:
    daemon, _, _ = hold_a_job(scripted)
    photo = str(draw(tmp_path / "photo.png", size=(80, 60)))
    asked = Asking(scripted, str(draw(tmp_path / "slow.png", size=(SLOW, 60))), QUESTION)
    wait_for(lambda: scripted.logged(ASLEEP), 30)
    daemon.kill()
    answered = asked.result()
    assert (answered.code, answered.out) == (4, "")
    assert "The daemon ended before it answered the question." in answered.err
    assert "Ask again" in answered.err
    scripted.start_and_wait()
    wait_for(lambda: scripted.states() == {"first.png": DONE, "held.png": DONE}, 30)
    assert scripted.notes(scripted.jobs()["held.png"]).count("Described.") == 1
    assert ask(scripted, photo, QUESTION).out == "A picture of 80x60.\n"


def test_a_suspended_daemon_whose_worker_runs_answers(home: DaemonHome, photo: str) -> None:
    daemon = start_with_worker(home)
    daemon.send_signal(signal.SIGSTOP)
    try:
        assert ask(home, photo, QUESTION).code == 0
    finally:
        daemon.send_signal(signal.SIGCONT)


def test_a_suspended_daemon_without_a_worker_leaves_a_sentence(home: DaemonHome, photo: str) -> None:
    daemon = suspended(home)
    try:
        answered = ask(home, photo, QUESTION)
    finally:
        daemon.send_signal(signal.SIGCONT)
    assert answered.code == 1
    assert "it is suspended" in answered.err


def test_ctrl_c_withdraws_the_question_and_the_worker_goes_on(scripted: DaemonHome, tmp_path: Path) -> None:
    daemon = suspended(scripted)
    asked = Asking(scripted, str(draw(tmp_path / "photo.png", size=(CRASH, 60))), QUESTION)
    wait_for(lambda: has_question(scripted), 30)
    asked.interrupt()
    assert asked.result().code == 130
    assert not has_question(scripted)
    daemon.send_signal(signal.SIGCONT)
    draw(scripted.inbox / "later.png", "green", (80, 50))
    wait_for(lambda: scripted.states() == {"later.png": DONE}, 30)
    assert scripted.jobs()["later.png"].attempts == 1


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_while_workers_and_daemons_are_killed_every_question_ends_with_an_answer_or_a_sentence(
    home: DaemonHome, tmp_path: Path
) -> None:
    random = Random(7)
    for number in range(60):
        draw(home.inbox / f"{number}.png", size=(40 + number, 50))
    photo = str(draw(tmp_path / "photo.png", size=(200, 60)))
    daemon, asked = home.start_and_wait(), list[Asked]()
    is_over = threading.Event()

    def keep_asking() -> None:
        while not is_over.is_set():
            asked.append(ask(home, photo, QUESTION))

    with ThreadPoolExecutor(2) as askers:
        running = [askers.submit(keep_asking) for _ in range(2)]
        for kill_daemon in (False, False, True) * 3:
            time.sleep(random.uniform(1, 4))
            for process in workers(daemon.pid) if not kill_daemon else ():
                process.kill()
            if kill_daemon:
                daemon.kill()
                daemon.wait()
                daemon = home.start_and_wait()
        is_over.set()
        for each in running:
            each.result()
    assert {answered.code for answered in asked} <= {0, 1, 4}
    assert [answered.out for answered in asked if answered.code == 0].count("A picture of 200x60.\n") > 0
    assert all(answered.err for answered in asked if answered.code)
    assert all("ended twice" in answered.err for answered in asked if answered.code == 1)
    wait_for(lambda: set(home.states().values()) == {DONE}, 60)
    print(f"{len(asked)} questions: {Counter(answered.code for answered in asked)}")
