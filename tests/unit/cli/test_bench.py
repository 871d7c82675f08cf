from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import Result

from cli.commands.bench import command, options_of
from daemon.evaluation.bench.cases import NAMES
from daemon.evaluation.bench.results import INT8
from daemon.inference.torch.devices import has_int8
from storage.evaluation.evaluation_store import EvaluationReader
from tests.support.checkpoints import write_tiny_checkpoint
from tests.unit.cli.conftest import CliHome

SPREAD = {"median", "min", "max", "values"}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


def bench(home: CliHome, checkpoint: Path, *options: str) -> Result:
    return home.invoke("bench", "--model", str(checkpoint), "--quick", "--tokens", "2", *options)


def test_the_whole_bench_gives_one_document(home: CliHome, checkpoint: Path) -> None:
    result = bench(home, checkpoint, "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert list(found["ratios"]) == ["fast", "balanced", "full"]
    possible = [name for name in NAMES if not name.endswith(INT8) or has_int8(torch.device("cpu"))]
    assert set(found["cases"]) == set(possible), "all but what this processor has no instructions for"
    for case in found["cases"].values():
        assert set(case["ratio"]) == SPREAD
        assert case["ratio"]["median"] > 0
        assert case["stock"]["seconds"] and case["engine"]["seconds"]
    assert found["options"] == {"rounds": 1, "tokens": 2, "quick": True}
    assert found["model"]["dtype"] in ("bfloat16", "float32")
    assert found["machine"]["libraries"]["torch"]
    assert found["limits"]["vision"]["over_floor"]["median"] > 0
    assert set(found["limits"]["writing"]["memory_share"]) == {f"decode-{rows}" for rows in (1, 8, 32, 64)}
    assert "round 1 of 1: stock took" in result.stderr
    (run,) = EvaluationReader(home.opened()).runs()
    assert f"Stored as run {run.id}." in result.stderr
    stored = EvaluationReader(home.opened()).results(run.id)
    figures = {figure.name: figure for each in stored for figure in each.figures}
    assert run.ended_at is not None and run.finished == run.planned == len(stored)
    assert figures["fast"].value == pytest.approx(found["cases"]["fast"]["ratio"]["median"], rel=1e-4)
    assert figures["copying memory"].unit == "GB/s"


def test_chosen_cases_are_shown_in_tables(home: CliHome, checkpoint: Path) -> None:
    result = bench(home, checkpoint, "--cases", "alone,decode-8", "--repeat", "2")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines if line.rstrip().endswith(("a file", "written"))] == ["alone", "decode-8"]
    assert any("decode-8" in line and "engine" in line and "generate" in line for line in lines)
    assert "floor" not in result.stdout, "no limits without the case that measures them"


def test_an_unknown_case_is_answered_with_the_known_ones(home: CliHome, checkpoint: Path) -> None:
    result = bench(home, checkpoint, "--cases", "slow")
    assert result.exit_code == 3
    assert "decode-8" in result.stderr


def test_the_echo_engine_cannot_be_measured(home: CliHome, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMOLWATCH_MODEL__ENGINE", "echo")
    result = bench(home, checkpoint)
    assert result.exit_code == 1
    assert "no model to measure" in result.stderr


def test_engines_are_compared_and_the_published_speed_is_beside_ones_own(home: CliHome, checkpoint: Path) -> None:
    result = bench(home, checkpoint, "--engines", "mlx,torch", "--cases", "flight-4")
    assert result.exit_code == 0, result.stderr
    assert "mlx against torch" in result.stdout
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("flight-4")]
    assert line.count(" to ") == 3, "two engines and their ratio, each with its spread"
    assert "Published: 0.117 s a picture on an M5 Max with MLX, 4 in flight." in result.stdout
    assert "round 1 of 1: mlx took" in result.stderr
    assert "Stored as run" not in result.stderr
    assert EvaluationReader(home.opened()).runs() == []


def test_an_engine_that_is_not_here_is_named_with_what_to_do(
    home: CliHome, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMOLWATCH_MODEL__PRECISION", "f16")
    result = bench(home, checkpoint, "--engines", "torch,mlx", "--cases", "flight-1")
    assert result.exit_code == 0, result.stderr
    assert 'torch   not compared: The precision "f16" is for MLX alone. Set model.precision' in result.stdout
    assert "against" not in result.stdout.splitlines()[9]


def test_an_unknown_engine_is_answered_with_the_known_ones(home: CliHome, checkpoint: Path) -> None:
    result = bench(home, checkpoint, "--engines", "mlx,tensorflow")
    assert result.exit_code == 3
    assert "Choose among: mlx, torch" in result.stderr


def test_the_service_gets_the_same_options() -> None:
    typed = ["--model", "demo", "--cases", "fast,decode-8", "--tokens", "9", "--quick", "--in-service"]
    typed += ["--engines", "mlx,torch"]
    assert options_of(command.make_context("bench", typed)) == [
        *("--model", "demo", "--engines", "mlx,torch", "--cases", "fast,decode-8", "--tokens", "9", "--quick")
    ]
