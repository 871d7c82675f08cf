"""The suite "environment" with the demo model: versions, devices, support of the model."""

from __future__ import annotations

from tests.model.conftest import Evaluated


def test_every_library_has_a_version_that_is_allowed_and_supports_the_model(evaluated: Evaluated) -> None:
    for result in evaluated("environment"):
        assert result.error is None
        assert [check.reason for check in result.checks if not check.passed] == []
        assert result.checks


def test_each_kind_of_device_is_said_to_be_here_or_not(evaluated: Evaluated) -> None:
    (devices,) = [result for result in evaluated("environment") if result.case == "accelerators"]
    assert {figure.name for figure in devices.figures} == {"cpu", "cuda", "mps", "mlx"}
    assert all(figure.note for figure in devices.figures)
