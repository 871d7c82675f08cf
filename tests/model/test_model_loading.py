"""The suite "loading" with the demo model: time, memory, size, configuration."""

from __future__ import annotations

from tests.model.conftest import Evaluated


def test_processor_and_model_load_within_the_limits_of_the_plan(evaluated: Evaluated) -> None:
    results = {result.case: result for result in evaluated("loading")}
    for case in ("processor", "model"):
        assert [check.reason for check in results[case].checks if not check.passed] == []


def test_the_parameters_are_counted_from_the_weights(evaluated: Evaluated) -> None:
    figures = {figure.name: figure.value for result in evaluated("loading") for figure in result.figures}
    assert figures["weights"] is not None
    assert figures["parameters"] is not None
    assert 0.9 < figures["weights"] / (2 * figures["parameters"]) < 1.1  # bf16


def test_the_demo_model_is_not_compared_with_the_published_configuration(evaluated: Evaluated) -> None:
    (configuration,) = [result for result in evaluated("loading") if result.case == "configuration"]
    assert configuration.skipped is not None
