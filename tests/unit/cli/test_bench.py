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


def test_the_service_gets_the_same_options() -> None:
    typed = ["--model", "demo", "--cases", "fast,decode-8", "--tokens", "9", "--quick", "--in-service"]
    assert options_of(command.make_context("bench", typed)) == [
        *("--model", "demo", "--cases", "fast,decode-8", "--tokens", "9", "--quick")
    ]
