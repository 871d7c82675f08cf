"""Which stored runs a report is about. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from config.errors import NotFoundError
from daemon.evaluation.bench.matrix import SUITE
from storage.evaluation.evaluation_records import EvaluationRun

#: The suites of the performance matrix: of `smolwatch bench`, and of `smolwatch evaluate performance`.
MEASURING = (SUITE, "performance")


@dataclass(frozen=True)
class RunChoice:
    """`subject`: what the report is about. `measured`: the performance matrix. `earlier`: to compare with."""

    subject: EvaluationRun
    measured: tuple[EvaluationRun, ...]
    earlier: EvaluationRun | None


def choose_runs(runs: Sequence[EvaluationRun], wanted: Sequence[int] = ()) -> RunChoice:
    """`runs`: the newest first. `wanted`: only these, the subject first; none choose the newest of each.

    Without `wanted`, the earlier run is the newest before the subject that asked the same cases.
    Raises NotFoundError where there is no run, or not that one.
    """
    if not runs:
        raise NotFoundError("There is no evaluation yet.", advice="Make one with: smolwatch evaluate")
    known = {run.id: run for run in runs}
    if missing := [id for id in wanted if id not in known]:
        raise NotFoundError(
            f"There is no evaluation {missing[0]}.", advice=f"There are: {', '.join(map(str, sorted(known)))}"
        )
    chosen = [known[id] for id in wanted] or list(runs)
    newest = {suite: next((run for run in chosen if run.suites == (suite,)), None) for suite in MEASURING}
    measured = tuple(run for run in newest.values() if run is not None)
    evaluations = [run for run in chosen if not set(run.suites) <= set(MEASURING)]
    if not evaluations:
        return RunChoice(chosen[0], measured, None)
    subject, *others = evaluations
    if not wanted:
        others = [run for run in others if run.suites_digest == subject.suites_digest]
    return RunChoice(subject, measured, others[0] if others else None)
