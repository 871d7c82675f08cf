"""`smolwatch evaluate` with the echo engine: what is shown, stored, compared and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from daemon.doctor.selftest.trial_home import SAMPLES
from storage.evaluation.evaluation_store import EvaluationReader
from tests.support.media.media_files import save_image
from tests.unit.cli.conftest import CliHome

SUITE = """
description = "Mine"

[[case]]
name = "nothing"
plan = ["2.1"]
ask = "What is this?"
contains = "picture|none"
sentences = [1, 1]

[[case]]
name = "wrong"
ask = "What is this?"
contains = "dog"
"""
DRAWN = """
[[case]]
name = "drawn"
media = ["drawn.png"]
ask = "Describe this image in one sentence."
sentences = [1, 1]
"""


@pytest.fixture
def folder(tmp_path: Path) -> str:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "suite.toml").write_text(SUITE)
    return str(tmp_path / "mine")


def test_scores_and_failures_are_shown_with_their_formulas(home: CliHome, folder: str) -> None:
    result = home.invoke("evaluate", folder, "--engine", "echo")
    assert result.exit_code == 0
    assert "1: 2 of 2 results" in result.stdout
    assert "accuracy: 100 × passed / all" in result.stdout
    assert 'does not mention "dog"' in result.stdout
    assert "2 of 2  mine/wrong" in result.stderr


def test_what_a_witness_says_is_shown_for_its_cases(home: CliHome, folder: str) -> None:
    """A grey picture has no text: with the extra, and without it, the witness has no opinion."""
    save_image(Path(folder) / "grey.png", Image.new("RGB", (64, 48), "grey"))
    (Path(folder) / "suite.toml").write_text(SUITE + 'media = ["grey.png"]\nwitness = "text"\n')
    result = home.invoke("evaluate", folder, "--engine", "echo")
    assert result.exit_code == 0
    assert "mine/wrong" in result.stdout
    assert "has no opinion" in result.stdout
    (_, found) = json.loads(home.invoke("evaluate", folder, "--engine", "echo", "--json").stdout)["results"]
    assert found["opinion"]["verdict"] == "has no opinion"


def test_json_has_scores_results_and_no_thumbnails(home: CliHome, folder: str) -> None:
    found = json.loads(home.invoke("evaluate", folder, "--engine", "echo", "--json", "--repeat", "2").stdout)
    assert found["run"]["options"] == {"model.engine": "echo", "suites": [folder]}
    assert [(each["case"], each["repeat"]) for each in found["results"]] == [
        *[("nothing", 0), ("nothing", 1), ("wrong", 0), ("wrong", 1)]
    ]
    assert found["scores"]["accuracy"]["count"] == 2


def test_an_equal_run_shows_no_regression(home: CliHome, folder: str) -> None:
    home.invoke("evaluate", folder, "--engine", "echo")
    result = home.invoke("evaluate", folder, "--engine", "echo", "--against", "1")
    assert "No change is certain at 95 %." in result.stdout
    assert "REGRESSION" not in result.stdout


def test_an_evaluation_with_mlx_is_compared_with_one_with_torch_case_by_case(home: CliHome, folder: str) -> None:
    """The demo model in float32: both engines answer alike."""
    sample = next(SAMPLES.glob("*.png"))
    (Path(folder) / "drawn.png").write_bytes(sample.read_bytes())
    (Path(folder) / "suite.toml").write_text(SUITE + DRAWN)
    options = ("--model", "demo", "--precision", "f32", "--detail", "fast")
    home.invoke("evaluate", folder, "--engine", "torch", *options)
    result = home.invoke("evaluate", folder, "--engine", "mlx", *options, "--against", "1")
    assert result.exit_code == 0, result.stderr
    assert "mlx on cpu in float32" in result.stdout
    assert "engine: torch → mlx" in result.stdout
    assert "3 of 3 cases have the same answer and score." in result.stdout
    newest, earlier = EvaluationReader(home.opened()).runs()
    assert (newest.engine, earlier.engine) == ("mlx", "torch")
    assert newest.libraries["mlx"]
    assert newest.options["model.engine"] == "mlx"


def test_runs_are_listed(home: CliHome, folder: str) -> None:
    home.invoke("evaluate", folder, "--engine", "echo")
    assert "2 of 2" in home.invoke("evaluate", "--runs").stdout
    (run,) = json.loads(home.invoke("evaluate", "--runs", "--json").stdout)
    assert (run["id"], run["finished"], run["suites"]) == (1, 2, ["mine"])


def test_a_finished_run_cannot_be_resumed(home: CliHome, folder: str) -> None:
    home.invoke("evaluate", folder, "--engine", "echo")
    result = home.invoke("evaluate", "--resume", "1")
    assert result.exit_code == 1
    assert "has all its results" in result.stderr


def test_a_resumed_run_takes_no_other_suites(home: CliHome, folder: str) -> None:
    home.invoke("evaluate", folder, "--engine", "echo")
    assert home.invoke("evaluate", "image", "--resume", "1").exit_code == 2


def test_an_unknown_run_or_suite_is_not_found(home: CliHome) -> None:
    assert home.invoke("evaluate", "text", "--engine", "echo", "--against", "7").exit_code == 3
    assert home.invoke("evaluate", "imge", "--engine", "echo").exit_code == 3


def test_a_bad_suite_file_names_every_mistake(home: CliHome, folder: str) -> None:
    (Path(folder) / "suite.toml").write_text(SUITE.replace("contains", "contians"))
    result = home.invoke("evaluate", folder, "--engine", "echo")
    assert result.exit_code == 78
    assert "line 8: case 1 (nothing): contians: no such key; did you mean contains?" in result.stderr
    assert "line 14: case 2 (wrong): contians" in result.stderr
