"""Poison jobs: whether the model failed because of itself, or because of one file. Pure."""

from __future__ import annotations

from collections import Counter

from storage.lifecycle import Cause


class PoisonDetector:
    """A file is charged when the model failed on it `max_attempts` times, and answered others in between.

    Until then no job is charged. A file with that many failures and no answer in between waits, so that others run.
    """

    def __init__(self) -> None:
        self._failures: Counter[int] = Counter()
        self._answers = 0
        self._answers_before: dict[int, int] = {}

    def record_failure(self, job: int, max_attempts: int) -> Cause:
        """The model failed while it had this job; the cause for the retry policy."""
        self._failures[job] += 1
        before = self._answers_before.setdefault(job, self._answers)
        if self._failures[job] < max_attempts:
            return Cause.MODEL
        return Cause.TRANSIENT if self._answers > before else Cause.ENVIRONMENT

    def record_answer(self, job: int) -> None:
        self._answers += 1
        self._failures.pop(job, None)
        self._answers_before.pop(job, None)
