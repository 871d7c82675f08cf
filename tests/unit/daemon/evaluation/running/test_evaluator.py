"""The evaluator keeps the engine full, judges each answer, and lets one failure cost one case."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from config.settings import WorkSettings
from daemon.errors import EngineError, MediaError
from daemon.evaluation.running.case_results import facts_of
from daemon.evaluation.running.case_tasks import CaseTask, tasks_of
from daemon.evaluation.running.evaluator import Evaluator
from daemon.evaluation.suites.suite import Case, Suite
from daemon.evaluation.witnesses.witness import Witness
from daemon.inference.echo_engine import EchoEngine
from daemon.inference.engine import Engine, Reply, Request
from daemon.media.clip import Clip, DecodePlan, Pixels
from storage.description import Media
from storage.evaluation.evaluation_records import CaseResult, Opinion, ResultKey, WitnessVerdict
from storage.records import Fingerprint, MediaKind
from tests.fakes.clock import FakeClock
from tests.fakes.engines import FailingEngine


def opened(path: bytes, _: Fingerprint, __: DecodePlan) -> Clip:
    if b"broken" in path:
        raise MediaError("The file is damaged.")
    media = Media(kind=MediaKind.IMAGE, format="png", width=8, height=6)
    return Clip(media=media, pictures=(np.zeros((6, 8, 3), np.uint8),), timestamps=())


def suite_of(folder: Path, *cases: Case) -> Suite:
    for case in cases:
        for name in case.media:
            (folder / name).write_bytes(b"picture")
    return Suite(name="mine", description="", cases=cases, media_folder=folder)


def case(name: str, **fields: Any) -> Case:
    return Case(**{"name": name, "ask": "What is this?", "contains": "picture"} | fields)


def results_of(
    suite: Suite,
    engine: Engine | None = None,
    *,
    repeat: int = 1,
    answers: Mapping[ResultKey, str] = {},
    measure: Callable[[CaseTask], CaseResult] | None = None,
    is_shared: Callable[[], bool] = lambda: False,
    witness: Witness | None = None,
) -> list[CaseResult]:
    engine = engine or EchoEngine()

    def never(_: CaseTask) -> CaseResult:
        raise AssertionError("nothing is measured")

    evaluator = Evaluator(
        engine,
        engine.load(),
        opened,
        WorkSettings(),
        measure or never,
        facts=lambda task: facts_of(task, FakeClock().now(), is_shared=is_shared()),
        answers=answers,
        witnesses={} if witness is None else {"text": witness},
    )
    return list(evaluator.run(tasks_of([suite], repeat=repeat, seed=0, done=answers)))


class Watched(EchoEngine):
    """Notes how many requests were in flight at each step."""

    def __init__(self, rows: int) -> None:
        super().__init__(rows=rows)
        self.counts: list[int] = []
        self.in_flight = 0

    def submit(self, request: Request) -> None:
        super().submit(request)
        self.in_flight += 1

    def step(self) -> list[Reply]:
        self.counts.append(self.in_flight)
        replies = super().step()
        self.in_flight -= len(replies)
        return replies


def test_an_answer_is_judged_and_has_its_thumbnail_and_cost(tmp_path: Path) -> None:
    (result,) = results_of(suite_of(tmp_path, case("dog", media=["dog.png"], facts={"size": "8x6", "colour": "red"})))
    assert result.answer == "A picture of 8x6."
    assert [check.passed for check in result.checks] == [True, True, False]
    assert result.score == 2 / 3
    assert result.thumbnail is not None
    assert result.seconds["total"] >= result.seconds["decode"] > 0
    assert result.tokens_out == 4
    assert result.peak_memory_bytes > 0


def test_the_engine_is_kept_full(tmp_path: Path) -> None:
    engine = Watched(rows=4)
    assert len(results_of(suite_of(tmp_path, *(case(f"case-{k}") for k in range(10))), engine)) == 10
    assert engine.counts == [4, 4, 2]


def test_a_damaged_file_costs_its_own_case(tmp_path: Path) -> None:
    suite = suite_of(tmp_path, case("bad", media=["broken.png"]), case("good", media=["dog.png"]))
    found = {result.case: result for result in results_of(suite)}
    assert (found["bad"].error, found["bad"].score) == ("The file is damaged.", 0)
    assert (found["good"].error, found["good"].score) == (None, 1)


def test_a_file_that_should_be_refused_passes_when_it_is(tmp_path: Path) -> None:
    refused = Case(name="bad", ask="What?", media=["broken.png"], refused="damaged")
    (result,) = results_of(suite_of(tmp_path, refused))
    assert (result.error, result.score, result.note) == (None, 1, "Refused: The file is damaged.")


def test_an_error_of_the_model_is_that_cases_result(tmp_path: Path) -> None:
    error = EngineError("The model failed.")
    engine = FailingEngine(lambda request: "bad" in request.id, error=error)
    found = {
        each.case: each for each in results_of(suite_of(tmp_path, case("bad"), case("good", contains="no")), engine)
    }
    assert found["bad"].error == "The model failed."
    assert found["good"].error is None


def test_a_comparison_waits_for_the_other_answer(tmp_path: Path) -> None:
    compared = Case(name="compared", ask="What?", media=["dog.png"], differs_from="other")
    suite = suite_of(tmp_path, compared, case("other"))
    found = results_of(suite)
    assert [result.case for result in found] == ["other", "compared"]
    assert found[1].checks[0].passed


def test_a_comparison_uses_the_answer_that_an_interrupted_run_has(tmp_path: Path) -> None:
    suite = suite_of(tmp_path, Case(name="compared", ask="What?", differs_from="other"), case("other"))
    (result,) = results_of(suite, answers={("mine", "other", 0): "No picture."})
    assert result.case == "compared"
    assert not result.checks[0].passed


def test_comparisons_in_a_circle_end(tmp_path: Path) -> None:
    first, second = (Case(name=name, ask="What?", differs_from=other) for name, other in (("a", "b"), ("b", "a")))
    assert {result.case for result in results_of(suite_of(tmp_path, first, second))} == {"a", "b"}


def test_a_measurement_runs_alone(tmp_path: Path) -> None:
    engine, seen = Watched(rows=4), list[int]()

    def measure(task: CaseTask) -> CaseResult:
        seen.append(engine.in_flight)
        now = FakeClock().now()
        return CaseResult(suite="mine", case=task.case.name, category="mine", plan=(), score=1.0, finished_at=now)

    cases: Sequence[Case] = (case("a"), case("b"), Case(name="line", measure="memory-line"), case("c"))
    assert len(results_of(suite_of(tmp_path, *cases), engine, measure=measure)) == 4
    assert seen == [0]


def test_results_while_a_daemon_runs_are_marked(tmp_path: Path) -> None:
    shared = iter([False, True])
    found = results_of(suite_of(tmp_path, case("a"), case("b")), EchoEngine(rows=1), is_shared=lambda: next(shared))
    assert [result.is_shared for result in found] == [False, True]


def test_repeats_are_results_of_their_own(tmp_path: Path) -> None:
    found = results_of(suite_of(tmp_path, case("a")), repeat=3)
    assert [result.repeat for result in found] == [0, 1, 2]
    assert len({replace(result, repeat=0, seconds={}, peak_memory_bytes=0).answer for result in found}) == 1


class FakeWitness:
    """Agrees with everything, and keeps what it was shown."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, str]] = []

    def opinion(self, pictures: Sequence[Pixels], answer: str) -> Opinion:
        self.calls.append((len(pictures), answer))
        return Opinion(witness="text", verdict=WitnessVerdict.AGREES, reason="It always does.")


def test_a_witness_looks_at_the_cases_own_pictures_and_gates_nothing(tmp_path: Path) -> None:
    asked = case("sign", media=["sign.png"], contains="nothing of that", witness="text")
    witness = FakeWitness()
    found = {each.case: each for each in results_of(suite_of(tmp_path, asked, case("dog")), witness=witness)}
    assert witness.calls == [(1, "A picture of 8x6.")]
    assert found["sign"].opinion == Opinion(witness="text", verdict=WitnessVerdict.AGREES, reason="It always does.")
    assert found["sign"].score == 0
    assert found["dog"].opinion is None


def test_a_file_that_is_refused_has_no_witness(tmp_path: Path) -> None:
    (result,) = results_of(suite_of(tmp_path, case("bad", media=["broken.png"], witness="text")), witness=FakeWitness())
    assert result.opinion is None
