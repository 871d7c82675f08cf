"""Fault 37: the database's server restarts, or a line to it dies without a word. Real: PostgreSQL, stopped and started.

Everything is tried again and goes on by itself: no process dies of it, no file is lost or described twice, status says
why nothing moves. Announcements cannot be lost, since there are none: whoever waits asks again.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from daemon.worker.retrying_transactions import RetryingTransactions
from storage.db import postgres_backend
from storage.db.database import Database, open_database
from storage.errors import BusyError, ClaimLostError, TransientError, UnreachableError
from storage.health import problems
from storage.jobs import store as jobs_module
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import JobState
from storage.records import Admission
from storage.status.board import StatusBoard
from storage.status.values import DaemonStatus
from tests.fakes.clock import FakeClock
from tests.fakes.relay import Relay
from tests.support.checkout import ROOT
from tests.support.files import KEY, MODEL, SPEC, description_of, new_file
from tests.support.postgres import Server, common_server, new_server
from tests.support.processes import DaemonHome
from tests.support.running_jobs import draw, start_with_worker
from tests.support.waiting import wait_for

FILES = 12
#: The daemon, less the command line, whose first look at how far it is finds no server.
AWAY_FOR_ONE_LOOK = """
from storage.errors import UnreachableError
from storage.library import Library
from tests.support.processes import start

counts = Library.counts

def away(library):
    Library.counts = counts
    raise UnreachableError("away for one look")

Library.counts = away
raise SystemExit(start())
"""


@pytest.fixture
def server() -> Iterator[Server]:
    """One that may be stopped."""
    server = new_server()
    yield server
    server.close()


@pytest.fixture
def served_home(server: Server, tmp_path: Path) -> Iterator[DaemonHome]:
    """A home whose books are on the server."""
    with server.new_database() as address:
        home = DaemonHome(tmp_path / "home", {"SMOLWATCH_DATABASE__URL": address, "SMOLWATCH_WORK__LEASE_SECONDS": "5"})
        yield home
        home.close()


class TestRestart:
    def test_files_that_come_while_it_restarts_are_described_once_and_no_process_dies(
        self, server: Server, served_home: DaemonHome
    ) -> None:
        daemon = start_with_worker(served_home)
        worker = served_home.worker(daemon).pid
        for number in range(FILES):
            draw(served_home.inbox / f"{number}.png", f"rgb({20 * number}, 0, 90)")
            if number % 4 == 2:
                server.restart()
            time.sleep(0.2)
        wait_for(lambda: list(served_home.states().values()) == [JobState.DONE] * (1 + FILES), 40)
        assert (daemon.poll(), served_home.worker(daemon).pid) == (None, worker)
        with served_home.reading() as library:
            for job in library.jobs():
                published = [event for event in library.events(job.id) if event.after is JobState.PUBLISHING]
                assert len([event for event in published if event.before is JobState.RUNNING]) == 1
        assert len(list(served_home.inbox.glob("*.json"))) == 1 + FILES
        assert sound(served_home)

    def test_while_it_is_away_status_says_so_and_a_file_waits_for_it(
        self, server: Server, served_home: DaemonHome
    ) -> None:
        daemon = start_with_worker(served_home)
        server.stop()
        draw(served_home.inbox / "meanwhile.png")
        code, output = status(served_home)
        assert code == 0, "the daemon runs"
        assert "cannot be reached" in output
        wait_for(lambda: served_home.logged("The worker waits"), 20)
        server.start()
        wait_for(lambda: served_home.states().get("meanwhile.png") is JobState.DONE, 40)
        assert served_home.jobs()["meanwhile.png"].attempts == 1
        assert served_home.logged("Worker ") == served_home.logged("started") == 1
        assert daemon.poll() is None

    def test_a_run_that_ends_when_all_is_done_is_not_ended_by_it(self, server: Server, served_home: DaemonHome) -> None:
        for number in range(FILES):
            draw(served_home.inbox / f"{number}.png", f"rgb({20 * number}, 0, 90)")
        daemon = served_home.start("--once")
        wait_for(lambda: served_home.engine().state == "ready", 30)
        for _ in range(4):
            server.restart()
        _, output = daemon.communicate(timeout=40)
        assert daemon.returncode == 0, output
        assert set(served_home.states().values()) == {JobState.DONE}

    def test_nor_by_a_server_that_is_away_just_when_it_looks_how_far_it_is(self, home: DaemonHome) -> None:
        draw(home.inbox / "a.png")
        program = [sys.executable, "-c", AWAY_FOR_ONE_LOOK, "--once"]
        ended = subprocess.run(program, cwd=ROOT, env=home.environ, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert home.logged("away for one look") == 1
        assert home.states() == {"a.png": JobState.DONE}

    def test_a_query_is_retried_while_the_server_restarts(self, server: Server) -> None:
        with server.new_database() as address, closing(open_database(address)) as database:
            store = JobStore(database, FakeClock().now, RetryingTransactions(lambda seconds: server.start()))
            server.stop()
            assert store.answers.description("blake2b:none", KEY) is None

    def test_a_daemon_that_finds_none_ends_with_1_so_that_its_service_tries_again(
        self, server: Server, served_home: DaemonHome
    ) -> None:
        server.stop()
        daemon = served_home.start()
        _, output = daemon.communicate(timeout=30)
        server.start()
        assert daemon.returncode == 1, "not 78, after which no service tries again"
        assert "cannot be reached" in output


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    relay = Relay(tmp_path, common_server().socket)
    yield relay
    relay.close()


@pytest.fixture
def address(relay: Relay, tmp_path: Path) -> Iterator[str]:
    """Of a new database, beyond the relay."""
    server = common_server()
    with server.new_database("empty") as address:
        yield address.replace(str(server.folder), str(tmp_path))


@pytest.fixture
def database(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """It waits for no answer longer than a second."""
    monkeypatch.setattr(postgres_backend, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(postgres_backend, "IDLE_SECONDS", 1.0)
    with closing(open_database(address)) as database:
        yield database


class TestSilence:
    def test_connections_that_died_while_idle_are_replaced(self, database: Database, relay: Relay) -> None:
        store = JobStore(database, FakeClock().now)
        store.admit(new_file(), spec=SPEC, model=MODEL, max_attempts=3)
        relay.fall_silent()
        assert store.claim("w", lease_seconds=60) is not None

    def test_one_that_dies_in_a_transaction_is_given_up_and_blocks_nobody_for_long(
        self, database: Database, relay: Relay, address: str
    ) -> None:
        with closing(open_database(address)) as other:
            with pytest.raises(UnreachableError, match="no answer"), database.write() as connection:
                relay.fall_silent()
                connection.exec_driver_sql("SELECT 1")
            # The server heard nothing of it: there, the writer still holds the lock, and says nothing.
            StatusBoard(other, "run").post(DaemonStatus(state="running"))
        assert Library(database).status.daemon() == DaemonStatus(run="run", state="running")

    def test_a_file_whose_admission_was_kept_but_not_confirmed_is_admitted_once(
        self, database: Database, relay: Relay, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = JobStore(database, FakeClock().now)
        at_the_commit(monkeypatch, relay)
        with pytest.raises(TransientError):
            store.admit(new_file(), spec=SPEC, model=MODEL, max_attempts=3)
        monkeypatch.undo()
        again, _ = store.admit(new_file(), spec=SPEC, model=MODEL, max_attempts=3)
        assert again is Admission.ALREADY_QUEUED
        assert len(Library(database).jobs()) == 1

    def test_a_description_that_was_kept_but_not_confirmed_is_written_out_and_not_made_again(
        self, database: Database, relay: Relay, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = FakeClock()
        store = JobStore(database, clock.now)
        store.admit(new_file(), spec=SPEC, model=MODEL, max_attempts=3)
        claim = store.claim("w", lease_seconds=60)
        assert claim is not None
        at_the_commit(monkeypatch, relay)
        with pytest.raises(TransientError):
            store.publish(claim, description_of(new_file()))
        monkeypatch.undo()
        with pytest.raises(ClaimLostError):
            store.publish(claim, description_of(new_file()))
        assert store.claim("w", lease_seconds=60) is None
        clock.advance(61)
        ((taken, description),) = store.claim_unpublished("w", lease_seconds=60)
        assert (taken.job.id, description) == (claim.job.id, description_of(new_file()))
        store.finish(taken)
        assert problems(database) == []

    @pytest.mark.slow
    @pytest.mark.timeout(180)
    def test_the_daemon_goes_on_when_all_of_its_connections_have_died(
        self, relay: Relay, address: str, tmp_path: Path
    ) -> None:
        home = DaemonHome(tmp_path / "home", {"SMOLWATCH_DATABASE__URL": address})
        with closing(home):
            daemon = start_with_worker(home)
            worker = home.worker(daemon).pid
            relay.fall_silent()
            draw(home.inbox / "meanwhile.png")
            wait_for(lambda: home.states().get("meanwhile.png") is JobState.DONE, 120)
            assert (daemon.poll(), home.worker(daemon).pid) == (None, worker)


class TestAnotherDaemon:
    def test_a_second_home_is_refused_until_the_first_is_gone(self, address: str) -> None:
        with closing(open_database(address)) as second:
            with closing(open_database(address)) as first:
                first.hold_daemon_lock()
                first.hold_daemon_lock()
                with pytest.raises(BusyError, match="Another daemon uses"):
                    second.hold_daemon_lock()
            second.hold_daemon_lock()

    def test_the_second_ends_with_1_and_says_why(self, address: str, tmp_path: Path) -> None:
        home = DaemonHome(tmp_path / "second", {"SMOLWATCH_DATABASE__URL": address})
        with closing(home), closing(open_database(address)) as first:
            first.hold_daemon_lock()
            daemon = home.start()
            _, output = daemon.communicate(timeout=30)
        assert daemon.returncode == 1, "the first may be on its way out: the service tries again"
        assert "Another daemon uses the database" in output

    def test_after_a_broken_line_the_first_one_keeps_them_out_again(
        self, database: Database, relay: Relay, address: str
    ) -> None:
        database.hold_daemon_lock()
        relay.fall_silent()
        with pytest.raises(UnreachableError):
            database.hold_daemon_lock()
        end_idle_sessions(common_server())
        database.hold_daemon_lock()
        with closing(open_database(address)) as second, pytest.raises(BusyError):
            second.hold_daemon_lock()


def at_the_commit(monkeypatch: pytest.MonkeyPatch, relay: Relay) -> None:
    """The server keeps the next change, and its reply is lost."""
    monkeypatch.setattr(jobs_module, "failpoint", lambda name: relay.swallow_answers())


def end_idle_sessions(server: Server) -> None:
    """What its keepalive does where a network lies between the two; a socket in a folder has none."""
    ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle' AND datname LIKE 'test%'"
    server.execute(ends)


def status(home: DaemonHome) -> tuple[int, str]:
    command = [sys.executable, "-m", "cli.main", "status"]
    done = subprocess.run(command, cwd=ROOT, env=home.environ, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def sound(home: DaemonHome) -> bool:
    with closing(open_database(home.settings.database_place, read_only=True)) as database:
        return problems(database) == []
