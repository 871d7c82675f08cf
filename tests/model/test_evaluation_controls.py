"""A damaged, a blind and an order-ignoring model score lower, each found by the control that is meant for it."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from config.settings import Settings
from daemon.evaluation.metrics.comparison import Comparison, compare
from daemon.evaluation.metrics.consistency import consistencies
from daemon.evaluation.metrics.run_scores import scores_of
from daemon.evaluation.suites.suite_files import SHIPPED
from daemon.inference.batch_engine import BatchEngine
from daemon.inference.engine import Engine, Request
from daemon.inference.registry import make_engine
from daemon.inference.weights.sources import DEMO
from storage.evaluation.evaluation_records import CaseResult, EvaluationRun
from tests.support.evaluating import evaluate, untimed

SUITES = ("image", "video")
NOISE = 0.6
VISION_OUT = "model.connector.modality_projection.proj.weight"

Evaluation = tuple[EvaluationRun, list[CaseResult]]


def damaged_demo(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> str:
    """A copy of the demo model with changed weights."""
    shutil.copytree(DEMO, folder)
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return str(folder)


def perturb(weights: dict[str, torch.Tensor]) -> None:
    """Noise in the layers of the text model, as large as a part of their spread."""
    generator = torch.Generator().manual_seed(3)
    for name, tensor in weights.items():
        if ".layers." in name and tensor.ndim > 1:
            noise = torch.randn(tensor.shape, generator=generator) * tensor.float().std() * NOISE
            weights[name] = (tensor.float() + noise).to(tensor.dtype)


def blind(weights: dict[str, torch.Tensor]) -> None:
    weights[VISION_OUT] = torch.zeros_like(weights[VISION_OUT])


def without_order(settings: Settings) -> Engine:
    """Frames always come in one order, whichever they have in the clip."""
    engine = make_engine(settings)
    assert isinstance(engine, BatchEngine)
    submit = engine.submit

    def sorted_frames(request: Request) -> None:
        if request.is_video:
            request = replace(request, pictures=tuple(sorted(request.pictures, key=lambda frame: frame.tobytes())))
        submit(request)

    engine.submit = sorted_frames  # type: ignore[method-assign]
    return engine


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Evaluation]:
    """Of the suites of pictures and clips, by what is wrong with the model."""
    home = tmp_path_factory.mktemp("controls")

    @cache
    def of(damage: str) -> Evaluation:
        # All have one home: a model must not be given the image features that were kept of another.
        if damage == "order":
            return evaluate(home, *SUITES, make=without_order)
        if damage in ("perturbed", "blind"):
            change = perturb if damage == "perturbed" else blind
            return evaluate(home, *SUITES, model=damaged_demo(home / f"{damage} model", change))
        return evaluate(home, *SUITES)

    return of


@pytest.fixture
def against(evaluation: Callable[[str], Evaluation]) -> Callable[[str], Comparison]:
    """The comparison of a damaged model with the whole one."""
    return lambda damage: compare(*evaluation("none"), *evaluation(damage))


def change_of(comparison: Comparison, measure: str, category: str = "") -> float:
    (found,) = [each for each in comparison.changes if (each.measure, each.category) == (measure, category)]
    return found.interval.mean


@pytest.mark.slow
def test_a_second_equal_run_flags_nothing(evaluation: Callable[[str], Evaluation], tmp_path: Path) -> None:
    again = evaluate(tmp_path / "home", *SUITES, rows=5)
    found = compare(*evaluation("none"), *again)
    assert (found.regressions, found.cases, found.differences) == ((), (), ())


@pytest.mark.slow
def test_perturbed_weights_are_found_by_accuracy_and_by_the_digest_of_the_weights(
    against: Callable[[str], Comparison],
) -> None:
    found = against("perturbed")
    assert "accuracy" in {change.measure for change in found.regressions if not change.category}
    assert any(difference.startswith("weights digest") for difference in found.differences)


def test_a_blind_model_is_found_by_pictures_that_get_one_answer(
    against: Callable[[str], Comparison], evaluation: Callable[[str], Evaluation]
) -> None:
    found = against("blind")
    assert "control" in {change.measure for change in found.regressions if change.category == "controls"}
    _, results = evaluation("blind")
    same = [r for r in results if r.case in ("another-colour", "another-shape", "blank") and r.suite == "image"]
    assert [check.passed for r in same for check in r.checks if check.kind == "differs_from"] == [False] * 3
    assert change_of(found, "accuracy") < -40


def test_a_model_that_ignores_order_is_found_by_clips_that_run_backwards(
    against: Callable[[str], Comparison], evaluation: Callable[[str], Evaluation]
) -> None:
    _, results = evaluation("order")
    backwards = [result for result in results if result.case.endswith("reversed")]
    assert [c.passed for r in backwards for c in r.checks if c.kind == "differs_from"] == [False] * len(backwards)
    found = against("order")
    assert "control" in {change.measure for change in found.regressions if change.category == "controls"}
    assert change_of(found, "accuracy", "description") == 0  # pictures are not concerned


def says(phrase: str, answer: str) -> bool:
    """Read anew here, in the simplest way."""
    return re.search(rf"\b({phrase})(s|es)?\b", answer, re.IGNORECASE) is not None


def facts_right(case: dict[str, Any], answer: str) -> list[bool]:
    """The checks of facts of a case as the TOML file has it, by an independent reading."""
    found = [says(wanted, answer) for wanted in case.get("facts", {}).values()]
    found += [says(case["contains"], answer)] if "contains" in case else []
    found += [any(says(wanted, answer) for wanted in case["any_of"])] if "any_of" in case else []
    found += [all(says(wanted, answer) for wanted in case["all_of"])] if "all_of" in case else []
    found += [re.search(case["regex"], answer) is not None] if "regex" in case else []
    if "order" in case:
        places = [re.search(rf"\b({w})\b", answer, re.IGNORECASE) for w in case["order"]]
        starts = [place.start() for place in places if place]
        found.append(None not in places and starts == sorted(starts))
    if "number" in case:
        names = ("none", "one", "two", "three", "four", "five", "six", "seven")
        wanted = [str(case["number"]), names[case["number"]] if case["number"] < len(names) else "-"]
        found.append(any(says(each, answer) for each in wanted))
    return found


def test_accuracy_equals_an_independent_count(evaluation: Callable[[str], Evaluation]) -> None:
    _, results = evaluation("none")
    answers = {(result.suite, result.case): result.answer for result in results}
    shares = []
    for suite in SUITES:
        for case in tomllib.loads((SHIPPED / f"{suite}.toml").read_text(encoding="utf-8"))["case"]:
            found = facts_right(case, answers[suite, case["name"]])
            shares += [sum(found) / len(found)] if found else []
    (accuracy,) = [score for score in scores_of(results) if score.name == "accuracy"]
    assert accuracy.interval is not None
    assert accuracy.interval.count == len(shares)
    assert accuracy.value == pytest.approx(100 * sum(shares) / len(shares))


def test_greedy_repeats_agree_and_sampled_ones_follow_their_seeds_in_a_batch_and_alone(tmp_path: Path) -> None:
    together = evaluate(tmp_path / "home", "consistency", rows=16)[1]
    alone = evaluate(tmp_path / "home", "consistency", rows=1)[1]
    assert untimed(together) == untimed(alone)
    found = {(each.temperature, each.has_one_seed): each for each in consistencies(together)}
    assert found[0.0, True].agreement == 1
    assert found[1.0, True].agreement == 1
    assert found[1.0, False].agreement < 1
