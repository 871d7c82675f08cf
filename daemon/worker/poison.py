"""Whose fault it is when the model fails: its own, or that of the one file on which it fails. Pure."""

from __future__ import annotations

from collections import Counter

from storage.lifecycle import Cause


class PoisonDetector:
    """A file is to blame when the model failed on it as often as it may be tried, and answered others in between.

    Until then nobody is charged. One on which it failed so often with no answer in between steps aside for others.
    """

    def __init__(self) -> None:
        self._failures: Counter[int] = Counter()
        self._answers = 0
        self._answers_before: dict[int, int] = {}

    def failed_on(self, job: int, most: int) -> Cause:
        """The model failed while it had this job. What `retry` is to make of it."""
        self._failures[job] += 1
        before = self._answers_before.setdefault(job, self._answers)
        if self._failures[job] < most:
            return Cause.MODEL
        return Cause.TRANSIENT if self._answers > before else Cause.ENVIRONMENT

    def answered(self, job: int) -> None:
        self._answers += 1
        self._failures.pop(job, None)
        self._answers_before.pop(job, None)
