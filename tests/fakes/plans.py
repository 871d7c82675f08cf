"""A plan of as many requests as a test wants."""

from __future__ import annotations

from daemon.inference.engine import Reply, Request
from daemon.media.clip import Clip
from daemon.worker.describe_session import CheckedAnswer


class BranchingPlan:
    """Starts with `first` requests; `following` more follow the next reply, whose error is raised if `is_fatal`.

    Each reply without an error adds an answer under its request's id: its caption, or a fault when that is empty.
    """

    def __init__(self, name: str, first: int) -> None:
        self.following = 0
        self.is_fatal = False
        self._name, self._first = name, first
        self._count = 0
        self._answers: dict[str, CheckedAnswer] = {}

    def start(self, clip: Clip) -> list[Request]:
        self._pictures = clip.pictures
        return self._more(self._first)

    def feed(self, reply: Reply) -> list[Request]:
        if reply.error is None:
            text = reply.answers["caption"].text
            self._answers[reply.id] = CheckedAnswer(text=text, faults=() if text else ("empty",))
        elif self.is_fatal:
            raise reply.error
        return self._more(self.following)

    def answers(self) -> dict[str, CheckedAnswer]:
        return self._answers

    def _more(self, count: int) -> list[Request]:
        numbers = range(self._count, self._count + count)
        self._count += count
        return [Request(id=f"{self._name}:{number}", pictures=self._pictures, questions=()) for number in numbers]
