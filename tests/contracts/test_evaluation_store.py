"""What every database must do with evaluations: stored as they come, once each, and read back equal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from config.errors import NotFoundError
from storage.evaluation.evaluation_store import EvaluationReader, EvaluationStore
from tests.fakes.clock import FakeClock
from tests.support.evaluations import NEW_RUN, RESULT
from tests.support.stores import Made


@pytest.fixture
def evaluations(made: Made, clock: FakeClock) -> EvaluationStore:
    return EvaluationStore(made.database, clock.now)


def test_a_run_and_its_results_are_read_back_equal(evaluations: EvaluationStore, made: Made, clock: FakeClock) -> None:
    run = evaluations.begin(NEW_RUN)
    clock.advance(5)
    assert evaluations.add(run.id, RESULT)
    assert evaluations.add(run.id, replace(RESULT, repeat=1, error="The model failed.", thumbnail=None))
    evaluations.end(run.id)
    reader = EvaluationReader(made.database)
    assert reader.results(run.id) == [RESULT, replace(RESULT, repeat=1, error="The model failed.", thumbnail=None)]
    assert reader.run(run.id) == replace(run, ended_at=clock.now(), finished=2)
    assert reader.finished_keys(run.id) == {("image", "red-circle", 0), ("image", "red-circle", 1)}


def test_a_result_is_stored_once(evaluations: EvaluationStore) -> None:
    run = evaluations.begin(NEW_RUN)
    assert evaluations.add(run.id, RESULT)
    assert not evaluations.add(run.id, replace(RESULT, answer="Another answer."))
    assert [result.answer for result in evaluations.results(run.id)] == [RESULT.answer]


def test_results_belong_to_their_run(evaluations: EvaluationStore) -> None:
    first, second = evaluations.begin(NEW_RUN), evaluations.begin(NEW_RUN)
    evaluations.add(first.id, RESULT)
    assert evaluations.results(second.id) == []
    assert [(run.id, run.finished) for run in evaluations.runs()] == [(second.id, 0), (first.id, 1)]


def test_one_result_on_a_shared_device_marks_the_run(evaluations: EvaluationStore) -> None:
    run = evaluations.begin(NEW_RUN)
    evaluations.add(run.id, RESULT)
    assert not evaluations.run(run.id).is_shared
    evaluations.add(run.id, replace(RESULT, repeat=1, is_shared=True))
    assert evaluations.run(run.id).is_shared


def test_the_first_end_of_a_run_counts(evaluations: EvaluationStore, clock: FakeClock) -> None:
    run = evaluations.begin(NEW_RUN)
    evaluations.end(run.id)
    ended = clock.now()
    clock.advance(60)
    evaluations.end(run.id)
    assert evaluations.run(run.id).ended_at == ended


def test_text_that_no_database_stores_is_escaped(evaluations: EvaluationStore) -> None:
    run = evaluations.begin(NEW_RUN)
    evaluations.add(run.id, replace(RESULT, answer="a\0b \udcff", question="<script>"))
    (stored,) = evaluations.results(run.id)
    assert stored.answer == "a\\x00b \\udcff"
    assert stored.question == "<script>"


def test_an_unknown_run_is_an_error_with_advice(evaluations: EvaluationStore) -> None:
    with pytest.raises(NotFoundError, match="no evaluation 7"):
        evaluations.run(7)
