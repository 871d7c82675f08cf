"""What a run has to do: each case of each suite, as often as it is repeated. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from daemon.evaluation.suites.suite import Case, Suite
from storage.evaluation.evaluation_records import ResultKey


@dataclass(frozen=True, kw_only=True)
class CaseTask:
    """One repeat of a case. `seed` of a sampled answer; None for a greedy one."""

    suite: Suite
    case: Case
    repeat: int
    seed: int | None

    @property
    def key(self) -> ResultKey:
        return self.suite.name, self.case.name, self.repeat

    @property
    def reference_key(self) -> ResultKey | None:
        """The result that this one is compared with."""
        other = self.case.differs_from
        return None if other is None else (self.suite.name, other, 0)


def tasks_of(suites: Sequence[Suite], *, repeat: int, seed: int, done: Collection[ResultKey] = ()) -> list[CaseTask]:
    """Without those that are `done`. A measurement is not repeated: it repeats what it measures itself."""
    return [
        task
        for suite in suites
        for case in suite.cases
        for number in range(1 if case.measure else max(repeat, case.repeat))
        if (task := CaseTask(suite=suite, case=case, repeat=number, seed=seed_of(case, number, seed))).key not in done
    ]


def seed_of(case: Case, repeat: int, seed: int) -> int | None:
    """The next seed for each repeat, unless the case has one of its own."""
    if case.temperature == 0:
        return None
    return seed + repeat if case.seed is None else case.seed
