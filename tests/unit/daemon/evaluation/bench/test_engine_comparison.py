"""The engines against each other: what is measured, and which engine is left out for which reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import NotFoundError
from config.settings import ModelSettings, Settings
from daemon.errors import EngineError
from daemon.evaluation.bench import published_speed
from daemon.evaluation.bench.cases import IN_FLIGHT, Measure
from daemon.evaluation.bench.engine_comparison import case_of, compare_engines, in_short, known_engines, to_json
from daemon.evaluation.bench.interleave import Measurement, Run


def turns(*seconds: float, tokens: int = 0) -> list[Measurement]:
    run = Run(files=2, phases={"generate": 1.0}, tokens=tokens)
    return [Measurement(each, run) for each in seconds]


def settings_of(home: Path, **chosen: str) -> Settings:
    return Settings(home=home, model=ModelSettings.model_validate({"id": "demo", **chosen}))


def test_the_first_engine_is_compared_with_every_other_one_round_by_round() -> None:
    case = case_of("flight-1", Measure.SECONDS, {"mlx": turns(2, 4), "torch": turns(4, 4), "third": turns(1, 1)})
    assert {name: stats.values for name, stats in case.figures.items()} == {
        "mlx": (1.0, 2.0),
        "torch": (2.0, 2.0),
        "third": (0.5, 0.5),
    }
    assert {name: stats.values for name, stats in case.ratios.items()} == {"torch": (2.0, 1.0), "third": (0.5, 0.25)}


def test_more_tokens_a_second_are_better() -> None:
    case = case_of("decode-8", Measure.RATE, {"mlx": turns(1, tokens=40), "torch": turns(1, tokens=10)})
    assert case.ratios["torch"].values == (4.0,)


def test_an_engine_alone_has_no_ratio() -> None:
    assert case_of("flight-1", Measure.SECONDS, {"mlx": turns(2)}).ratios == {}


def test_an_unknown_engine_is_answered_with_those_that_have_a_model() -> None:
    with pytest.raises(NotFoundError, match="'echo'") as caught:
        known_engines(["torch", "echo"])
    assert caught.value.advice == "Choose among: mlx, torch"
    assert known_engines(["torch", "mlx", "torch"]) == ["torch", "mlx"]


def test_a_quick_run_has_as_many_pictures_as_are_in_flight() -> None:
    assert [in_short(ask).copies for ask in IN_FLIGHT.values()] == [1, 2, 4]


def test_an_engine_that_cannot_run_here_is_left_out_with_the_reason(tmp_path: Path) -> None:
    """float16 is for MLX alone."""
    lines: list[str] = []
    found = compare_engines(
        settings_of(tmp_path, precision="f16", device="cpu"),
        ["torch", "mlx"],
        cases=["flight-1"],
        rounds=1,
        tokens=2,
        quick=True,
        on_progress=lines.append,
    )
    assert list(found.engines) == ["mlx"]
    assert found.engines["mlx"].dtype == "float16"
    assert found.absent["torch"].startswith('The precision "f16" is for MLX alone. Set model.precision')
    assert lines[0] == f"torch is not compared. {found.absent['torch']}"
    assert list(found.in_flight()) == [1]
    document = to_json(found)
    assert document["absent"] == dict(found.absent)
    assert document["cases"]["flight-1"]["engines"]["mlx"]["median"] > 0
    assert document["cases"]["flight-1"]["times_better"] == {}
    assert document["published"]["seconds_a_picture"]["4"] == published_speed.SECONDS[4] == 0.117


def test_where_no_engine_is_left_every_reason_is_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"No engine is left to compare\. MLX has no cuda device"):
        compare_engines(settings_of(tmp_path, device="cuda"), ["mlx"])
