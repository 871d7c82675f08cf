"""Stores runs of an evaluation and their results as they come, and reads them for reports."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from config.errors import NotFoundError
from storage.db.database import Database
from storage.evaluation.evaluation_records import CaseResult, EvaluationRun, NewRun, ResultKey
from storage.evaluation.evaluation_rows import result_columns, result_of, run_columns, run_of
from storage.evaluation.evaluation_tables import evaluation_results, evaluation_runs

RUNS, RESULTS = evaluation_runs.c, evaluation_results.c


class EvaluationReader:
    """Queries that change nothing. All may raise StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def runs(self, *, limit: int = 50) -> list[EvaluationRun]:
        """The newest first."""
        with self._database.read() as connection:
            found = connection.execute(select(evaluation_runs).order_by(RUNS.id.desc()).limit(limit)).all()
            counts = finished_counts(connection)
            return [run_of(row, counts.get(row.id, 0)) for row in found]

    def run(self, run_id: int) -> EvaluationRun:
        """Raises NotFoundError."""
        with self._database.read() as connection:
            row = connection.execute(select(evaluation_runs).where(RUNS.id == run_id)).one_or_none()
            if row is None:
                raise NotFoundError(
                    f"There is no evaluation {run_id}.", advice="List the evaluations with: smolwatch evaluate --runs"
                )
            return run_of(row, finished_counts(connection).get(run_id, 0))

    def results(self, run_id: int) -> list[CaseResult]:
        """In the order in which they were stored."""
        with self._database.read() as connection:
            query = select(evaluation_results).where(RESULTS.run_id == run_id).order_by(RESULTS.id)
            return [result_of(row) for row in connection.execute(query)]

    def finished_keys(self, run_id: int) -> set[ResultKey]:
        """The results that the run has, without their content."""
        with self._database.read() as connection:
            query = select(RESULTS.suite, RESULTS.case_name, RESULTS.repeat_number).where(RESULTS.run_id == run_id)
            return {(row.suite, row.case_name, row.repeat_number) for row in connection.execute(query)}


class EvaluationStore(EvaluationReader):
    """The same for the process that evaluates. A result is stored once: a second one with its key is dropped."""

    def __init__(self, database: Database, clock_now: Callable[[], datetime]) -> None:
        super().__init__(database)
        self._now = clock_now

    def begin(self, new: NewRun) -> EvaluationRun:
        with self._database.write() as connection:
            values = run_columns(new) | {"started_at": self._now()}
            row = connection.execute(insert(evaluation_runs).values(values).returning(evaluation_runs)).one()
            return run_of(row, 0)

    def add(self, run_id: int, result: CaseResult) -> bool:
        """False, and nothing changed, if the run has this result already."""
        key = (RESULTS.run_id == run_id, RESULTS.suite == result.suite, RESULTS.case_name == result.case)
        with self._database.write() as connection:
            there = connection.execute(select(RESULTS.id).where(*key, RESULTS.repeat_number == result.repeat)).first()
            if there is not None:
                return False
            connection.execute(insert(evaluation_results).values(run_id=run_id, **result_columns(result)))
            if result.is_shared:
                connection.execute(update(evaluation_runs).where(RUNS.id == run_id).values(is_shared=True))
            return True

    def end(self, run_id: int) -> None:
        """All results are there. The first end counts."""
        with self._database.write() as connection:
            unended = update(evaluation_runs).where(RUNS.id == run_id, RUNS.ended_at.is_(None))
            connection.execute(unended.values(ended_at=self._now()))


def finished_counts(connection: Connection) -> dict[int, int]:
    """How many results each run has."""
    query = select(RESULTS.run_id, func.count().label("finished")).group_by(RESULTS.run_id)
    return {row.run_id: row.finished for row in connection.execute(query)}
