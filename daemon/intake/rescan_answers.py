"""One answer to a rescan from the answers of all inboxes."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from daemon.intake.rescan import AnswerRescan
from storage.commands.requests import Answer

#: The numbers of a rescan's answer that add up.
COUNTS = ("seen", "left", "compared", "changed", "restored")


class RescanAnswers:
    """Any thread may call `answer_for`. `inboxes`: the names of all that answer.

    `answer` stores the whole; it may raise StorageError: then the part is to be given again.
    """

    def __init__(self, inboxes: Iterable[str], answer: AnswerRescan) -> None:
        self._inboxes = tuple(inboxes)
        self._answer = answer
        self._parts: dict[int, dict[str, Answer]] = {}
        self._lock = threading.Lock()

    def answer_for(self, inbox: str, command_id: int, part: Answer) -> None:
        with self._lock:
            parts = self._parts.setdefault(command_id, {})
            parts[inbox] = part
            if len(parts) == len(self._inboxes):
                self._answer(command_id, added_up({name: parts[name] for name in self._inboxes}))
                del self._parts[command_id]


def added_up(parts: Mapping[str, Answer]) -> Answer:
    """The sum of the inboxes that were listed, with the errors of the others; an error if none was."""
    results = [part.result for part in parts.values() if part.result is not None]
    failed = {name: part for name, part in parts.items() if part.result is None}
    if len(parts) == 1 or not results:
        return next(iter(parts.values()))
    total = {**results[0], **{key: sum(result[key] for result in results) for key in COUNTS}}
    if failed:
        total["problems"] = [f"{name}: {part.error} {part.advice}".strip() for name, part in failed.items()]
    return Answer(result=total)
