"""Which model's worker runs: one at a time, chosen by the jobs that wait. Pure: the times are passed in."""

from __future__ import annotations

from collections.abc import Mapping

#: A worker whose own jobs wait runs at least so long before one with another model replaces it: loading takes seconds.
SERVE_SECONDS = 60.0

#: The name of a job's own model; None is that of the settings.
Model = str | None


class ModelChoice:
    """`waiting`, in all methods: the models for which a job is due, each with the priority of its first job.

    Models that fail come last, so that missing or damaged weights of one do not block the jobs of others.
    """

    def __init__(self) -> None:
        self._failing: set[Model] = set()

    def record_failure(self, model: Model) -> None:
        """Its worker died before its first answer, or cannot load it."""
        self._failing.add(model)

    def record_answer(self, model: Model) -> None:
        self._failing.discard(model)

    def first(self, waiting: Mapping[Model, int]) -> Model:
        """The model that the next worker serves."""
        return min(waiting, key=lambda model: (model in self._failing, waiting[model]), default=None)

    def is_replaced(self, model: Model, waiting: Mapping[Model, int], *, is_idle: bool, seconds: float) -> bool:
        """Whether the worker of `model` makes room for another, `seconds` after its start.

        An idle one without jobs does so at once; one with jobs, only for jobs that come before its own.
        """
        others = {other: priority for other, priority in waiting.items() if other != model}
        if not others:
            return False
        if model not in waiting:
            return is_idle
        if model in self._failing and not others.keys() <= self._failing:
            return True
        return seconds >= SERVE_SECONDS and (model in self._failing or min(others.values()) < waiting[model])
