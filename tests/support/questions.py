"""A person who asks about pictures while processes die: each `smolwatch ask` is a process with its own deadline."""

from __future__ import annotations

import json
import random
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

from daemon.lock import held
from tests.support.processes import DaemonHome
from tests.support.running_jobs import draw

QUESTION = "What is this?"
PAUSE_SECONDS = (2.0, 6.0)
LOOK_SECONDS = 0.2
#: One question in so many is asked at any moment; the others when a daemon can answer them.
ANY_MOMENT_EVERY = 3
#: A question's deadline. At worst it waits for a worker twice, for 30 s, and each worker hangs meanwhile.
LONGEST_SECONDS = 180.0
BY_DAEMON, BY_ITSELF = "answered by a daemon", "answered by its own process"
#: The exit codes of docs/use.md that a death can cause: the answer failed, and the daemon ended.
CODES = {1, 4}
SIZE = (96, 72)


class Questions:
    """Asks one question after the other, from `begin` to `end`, in a thread; `ask` asks one more.

    `asked`: how many ended in each way. `wrong`: those that ended in a way that is not documented, or not at all.
    """

    def __init__(self, home: DaemonHome, seed: int) -> None:
        self._home = home
        self._random = random.Random(seed)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="questions", daemon=True)
        #: The pictures, and what the echo engine answers. The first one is outside of every inbox.
        outside = draw(home.settings.home.parent / "outside.png", size=SIZE)
        self._pictures = [(outside, answer_to(SIZE))]
        self.asked: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.slowest = 0.0

    def add(self, file: Path, size: tuple[int, int]) -> None:
        """A picture that can be asked about from now on."""
        self._pictures.append((file, answer_to(size)))

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Ask no more. The last question may still wait for its answer: see `is_asking`."""
        self._is_over.set()

    @property
    def is_asking(self) -> bool:
        return self._thread.is_alive()

    def has_daemon(self) -> bool:
        """Whether a daemon runs that has reported that its model can be used."""
        found, engine = held(self._home.settings.lock_file), self._home.engine()
        return found is not None and found[1] == engine.run and engine.state in ("idle", "ready")

    def ask(self, longest_seconds: float) -> str:
        """How one more question ended: a key of `asked`."""
        file, answer = self._random.choice(self._pictures)
        began = time.monotonic()
        try:
            done = self._home.invoke("ask", str(file), QUESTION, "--json", timeout=longest_seconds)
        except subprocess.TimeoutExpired:
            end, fault = "no end", f"no end within {longest_seconds:.0f} s"
        else:
            end, fault = end_of(done), fault_of(done, answer)
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.asked[end] += 1
        if fault:
            self.wrong.append(f"{file.name}: {fault}")
        return end

    def _run(self) -> None:
        """The first question comes at once, while the first daemon is starting."""
        while not self._is_over.is_set():
            self.ask(LONGEST_SECONDS)
            self._is_over.wait(self._random.uniform(*PAUSE_SECONDS))
            if self._random.randrange(ANY_MOMENT_EVERY):
                while not self.has_daemon() and not self._is_over.wait(LOOK_SECONDS):
                    pass


def answer_to(size: tuple[int, int]) -> str:
    return f"A picture of {size[0]}x{size[1]}."


def end_of(done: subprocess.CompletedProcess[str]) -> str:
    """By whom it was answered, or the error."""
    if done.returncode:
        return f"exit code {done.returncode}: {'; '.join(sentences_of(done))}"
    return BY_DAEMON if json.loads(done.stdout)["daemon"] else BY_ITSELF


def fault_of(done: subprocess.CompletedProcess[str], answer: str) -> str:
    """What is wrong with the end; "" for the right answer, and for one clear sentence with a documented exit code."""
    if "Traceback" in done.stderr or "unexpected error" in done.stderr:
        return done.stderr
    if done.returncode == 0:
        given = [each["text"] for each in json.loads(done.stdout)["answers"]]
        return "" if given == [answer] else f"{given} instead of {answer!r}"
    if done.returncode in CODES and len(sentences_of(done)) == 1:
        return ""
    return f"exit code {done.returncode}: {done.stderr!r}"


def sentences_of(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines of stderr, without the note that no daemon runs, and without advice, which is indented."""
    lines = [line.removeprefix("smolwatch: ") for line in done.stderr.splitlines() if not line.startswith("  ")]
    return [line for line in lines if not line.startswith("no daemon is running;")]
