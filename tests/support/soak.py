"""Files arrive, and people type commands and ask, while processes die and hang; then the database is audited."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

import psutil

from tests.fakes.scripted_worker import CRASH, HANG, KILLED
from tests.support.ledger import Ledger, audit
from tests.support.people import Person
from tests.support.postgres import Server
from tests.support.processes import DaemonHome, workers
from tests.support.questions import BY_DAEMON, LOOK_SECONDS, Questions
from tests.support.running_jobs import draw

#: The relative frequency of each fault.
FAULTS = {
    "kill worker": 3,
    "crash worker": 2,
    "freeze worker": 1,
    "kill decoder": 4,
    "freeze decoder": 1,
    "kill daemon": 4,
}
RESTART_SERVER = "restart server"
#: One file in so many kills, crashes or hangs the worker that describes it.
POISON_EVERY = 40
#: Questions are about the first files, none of which is poison.
MOST_ASKED_ABOUT = 5
#: After the calm, a daemon answers a question within this time.
ANSWER_SECONDS = 60.0
SIGNALS = {"kill": signal.SIGKILL, "crash": signal.SIGSEGV, "freeze": signal.SIGSTOP}


@dataclass(frozen=True, kw_only=True)
class Soaked:
    ledger: Ledger
    faults: Counter[str]
    typed: Counter[str]
    unanswered: list[str]
    asked: Counter[str]
    wrong_answers: list[str]
    slowest_answer: float
    is_answered_in_calm: bool
    seed: int

    def __str__(self) -> str:
        kills = ", ".join(f"{count} x {fault}" for fault, count in sorted(self.faults.items()))
        states = ", ".join(f"{count} {state}" for state, count in sorted(self.ledger.states.items()))
        lost, doubled = len(self.ledger.lost), len(self.ledger.doubled)
        faults = f"{self.faults.total()} faults ({kills})"
        typed = ", ".join(f"{count} x {command}" for command, count in sorted(self.typed.items()))
        asked = ", ".join(f"{count} x {end}" for end, count in sorted(self.asked.items()))
        asked = f"questions: {asked}, within {self.slowest_answer:.0f} s"
        return f"seed {self.seed}: {faults}; {typed}; {asked}; jobs: {states}; {lost} lost, {doubled} doubled"


class Soak:
    """A storm of faults, then a calm in which all jobs can finish. `server`: the database's, also restarted.

    `most_poison`: how many poison files there are at most. Each costs the calm up to 69 s: three attempts.
    `fault_share`: the storm's rounds take half a second, and so many of them bring a fault.
    """

    def __init__(
        self, home: DaemonHome, seed: int, server: Server | None = None, *, most_poison: int, fault_share: float = 0.5
    ) -> None:
        self._poison_left, self._fault_share = most_poison, fault_share
        self._home = home
        self._server = server
        inboxes = home.settings.inboxes
        self._folders = [
            inbox.path / rule for inbox in inboxes for rule in ("", *(each.match for each in inbox.folder))
        ]
        self._choices = FAULTS | ({RESTART_SERVER: 2} if server else {})
        self._seed = seed
        self._random = random.Random(seed)
        self._faults: Counter[str] = Counter()
        self._names: list[str] = []
        self._frozen: list[psutil.Process] = []
        self._daemon: subprocess.Popen[str] | None = None
        self._questions = Questions(home, seed)

    def run(self, *, storm_seconds: float, calm_seconds: float) -> Soaked:
        until = time.monotonic() + storm_seconds
        self._questions.begin()
        with Person(self._home, self._seed) as person:
            while time.monotonic() < until:
                self._keep_running()
                self._drop(self._random.randint(0, 4))
                time.sleep(self._random.uniform(0.1, 0.8))
                if self._random.random() < self._fault_share:
                    self._inject(self._random.choices(list(self._choices), list(self._choices.values()))[0])
        self._questions.end()
        until = time.monotonic() + calm_seconds
        while time.monotonic() < until and (self._questions.is_asking or not self._is_settled()):
            self._keep_running()
            person.resume()
            time.sleep(0.5)
        is_answered = self._is_question_answered()
        self._end_frozen()
        self._home.close()
        ledger = audit(self._home, self._names)
        return Soaked(
            ledger=ledger,
            faults=self._faults,
            typed=person.typed,
            unanswered=person.unanswered,
            asked=self._questions.asked,
            wrong_answers=self._questions.wrong,
            slowest_answer=self._questions.slowest,
            is_answered_in_calm=is_answered,
            seed=self._seed,
        )

    def _is_question_answered(self) -> bool:
        """Whether a daemon answers. The first question may be spoilt by a process that was frozen in the storm."""
        until = time.monotonic() + ANSWER_SECONDS
        while (left := until - time.monotonic()) > 0:
            self._keep_running()
            if self._questions.has_daemon() and self._questions.ask(left) == BY_DAEMON:
                return True
            time.sleep(LOOK_SECONDS)
        return False

    def _keep_running(self) -> None:
        """As launchd and systemd do. After too many crashes it is in safe mode until it is restarted."""
        if (
            self._daemon is not None
            and self._daemon.poll() is None
            and self._home.engine().state == "safe mode"
            and self._home.daemon().pid == self._daemon.pid  # else it is the state of the daemon before
        ):
            self._faults["restart out of safe mode"] += 1
            self._daemon.send_signal(signal.SIGTERM)
            self._daemon.wait(20)
        if self._daemon is None or self._daemon.poll() is not None:
            self._daemon = self._home.start()

    def _drop(self, count: int) -> None:
        for _ in range(count):
            number = len(self._names)
            width = self._random.choice([CRASH, KILLED, HANG]) if self._is_poison(number) else 64
            name = f"{number:05}.png"
            file, size = self._random.choice(self._folders) / name, (width, 40 + number)
            draw(file, size=size)
            if number < MOST_ASKED_ABOUT:
                self._questions.add(file, size)
            self._names.append(name)

    def _is_poison(self, number: int) -> bool:
        is_poison = number % POISON_EVERY == POISON_EVERY - 1 and self._poison_left > 0
        self._poison_left -= is_poison
        return is_poison

    def _inject(self, fault: str) -> None:
        if fault == RESTART_SERVER and self._server is not None:
            self._server.restart()
            self._faults[fault] += 1
            return
        action, target = fault.split()
        process = self._find(target)
        if process is None:
            return
        with suppress(psutil.Error):
            process.send_signal(SIGNALS[action])
            self._faults[fault] += 1
            if action == "freeze":
                self._frozen.append(process)

    def _end_frozen(self) -> None:
        """A process frozen before its die-with-parent call would stay for ever, with its pipes open."""
        for process in self._frozen:
            with suppress(psutil.Error):
                process.kill()

    def _find(self, target: str) -> psutil.Process | None:
        if self._daemon is None or self._daemon.poll() is not None:
            return None
        if target == "daemon":
            return psutil.Process(self._daemon.pid)
        worker = next(iter(workers(self._daemon.pid)), None)
        return worker if worker is None or target == "worker" else next(iter(workers(worker.pid)), None)

    def _is_settled(self) -> bool:
        """Every file has a job, and no job is open, of whatever recipe."""
        states = self._home.states()
        with self._home.reading() as library:
            return all(name in states for name in self._names) and not any(library.live_counts().values())
