"""The intakes of all inboxes, each in a thread of its own: a big file in one does not delay another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from daemon.clock import Clock
from daemon.intake.loop import Intake
from daemon.intake.rescan import AnswerRescan, Rescan
from daemon.intake.rescan_answers import RescanAnswers
from daemon.intake.wakeup import Wakeup
from daemon.intake.watched_inboxes import Inboxes, WatchedInbox

#: Makes an inbox's intake, which waits at the wakeup and answers its part of each rescan.
MakeIntake = Callable[[WatchedInbox, Wakeup, AnswerRescan], Intake]


class Intakes:
    """Any thread may call `recheck` and `rescan`. `answer` stores the answer to a rescan."""

    def __init__(self, inboxes: Inboxes, make: MakeIntake, answer: AnswerRescan, clock: Clock) -> None:
        self._inboxes = inboxes
        answers = RescanAnswers([inbox.name for inbox in inboxes], answer)
        self._wakeups = {inbox.name: Wakeup(clock) for inbox in inboxes}
        self._intakes = {
            inbox.name: make(inbox, self._wakeups[inbox.name], partial(answers.answer_for, inbox.name))
            for inbox in inboxes
        }
        self._threads = [
            threading.Thread(target=intake.run, name=f"intake {name}", daemon=True)
            for name, intake in self._intakes.items()
        ]
        self._clock = clock

    @property
    def is_idle(self) -> bool:
        """Every inbox was listed, and every path in it has been judged."""
        return all(intake.is_idle for intake in self._intakes.values())

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Order the threads to end; `join` waits for it."""
        for wakeup in self._wakeups.values():
            wakeup.stop()

    def join(self, seconds: float) -> None:
        """For so long at most: one that reads a big file ends later, with the process."""
        until = self._clock.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - self._clock.monotonic()))

    def recheck(self, path: bytes) -> None:
        """Judge a path again, even if it is unchanged. One that is in no inbox is not judged."""
        if (inbox := self._inboxes.of(path)) is not None:
            self._intakes[inbox.name].recheck(path)

    def rescan(self, command_id: int, compare: bool) -> None:
        """List every inbox now and judge every path again; the answer adds up those of all."""
        for intake in self._intakes.values():
            intake.rescan(Rescan(command_id, compare))
