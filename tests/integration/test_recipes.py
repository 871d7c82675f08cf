"""Recipes through the real daemon: from the questions to the sidecars and the commands.

The fast tests use the echo engine, the slow ones the demo model, which answers most of these questions with nonsense.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import daemon.inference
from config.recipes import Recipe, home_file, load_recipe, load_recipes
from storage.lifecycle import JobState
from tests.support.checkout import ROOT
from tests.support.processes import DaemonHome
from tests.support.waiting import wait_for

SAMPLES = Path(daemon.inference.__file__).parent / "demo_model" / "samples"
PICTURE, CLIP = "sample 01.jpg", "clip 08.mp4"
DEMO = {"SMOLWATCH_MODEL__ENGINE": "auto", "SMOLWATCH_MODEL__ID": "demo", "SMOLWATCH_MODEL__DETAIL": "fast"}
ECHO: dict[str, str] = {}
OWN = """\
[mine]
version = 7
system = "Be brief."
context = ["name"]
[mine.image]
what_it_is = { ask = "Describe this image {name} in one sentence.", tokens = 24 }
[mine.video]
what_happens = { ask = "Describe this video in one sentence.", tokens = 24, sampling = { repetition_penalty = 1.1 } }
"""
SLOW = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def homes() -> Iterator[list[DaemonHome]]:
    """Closed at the end."""
    made: list[DaemonHome] = []
    yield made
    for home in made:
        home.close()


def command(home: DaemonHome, *arguments: str) -> subprocess.CompletedProcess[str]:
    typed = [sys.executable, "-m", "cli.main", "--home", str(home.settings.home), *arguments]
    return subprocess.run(typed, cwd=ROOT, env=home.environ, capture_output=True, text=True, check=False, timeout=60)


def record_of(home: DaemonHome, name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((home.inbox / f"{name}.smolwatch.json").read_text(encoding="utf-8"))
    return record


def assert_described(home: DaemonHome, recipe: Recipe, name: str, *, is_video: bool) -> None:
    """The answers have the names of the recipe's questions, in the sidecars and in `show`."""
    record = record_of(home, name)
    names = [question.name for question in recipe.questions(is_video=is_video)]
    assert list(record["answers"]) == names
    assert all(isinstance(text, str) for text in record["answers"].values())
    assert record["recipe"] == {"name": recipe.name, "version": recipe.version, "digest": recipe.digest}
    assert {reason.partition(":")[0] for reason in record["quality"]["reasons"]} <= set(names)
    lines = (home.inbox / f"{name}.md").read_text(encoding="utf-8").splitlines()
    headings = [line.removeprefix("## ") for line in lines if line.startswith("## ")]
    assert len(headings) == len(names) + 1
    assert headings[-1] == "Figures"
    shown = command(home, "show", str(home.inbox.resolve() / name)).stdout.splitlines()
    assert [line for line in shown if line in names] == names
    document = json.loads(command(home, "show", name, "--json").stdout)
    assert document["answers"] == record["answers"]


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        pytest.param("accessibility", ECHO, id="accessibility-echo"),
        *(pytest.param(name, DEMO, id=name, marks=SLOW) for name in load_recipes()),
    ],
)
def test_a_shipped_recipe_describes_a_picture_and_a_clip(
    folder: Path, homes: list[DaemonHome], name: str, engine: dict[str, str]
) -> None:
    home = DaemonHome(folder, engine | {"SMOLWATCH_RECIPE": name})
    homes.append(home)
    for sample in (PICTURE, CLIP):
        shutil.copy(SAMPLES / sample, home.inbox)
    assert home.start("--once").wait(timeout=500) == 0
    recipe = load_recipe(name)
    assert_described(home, recipe, PICTURE, is_video=False)
    assert_described(home, recipe, CLIP, is_video=True)
    listed = json.loads(command(home, "ls", "--json").stdout)
    assert {job["state"] for job in listed} == {"done"}


@pytest.mark.parametrize("engine", [pytest.param(ECHO, id="echo"), pytest.param(DEMO, id="demo", marks=SLOW)])
def test_a_homes_own_recipe_describes_files_and_a_broken_file_of_recipes_stops_no_running_daemon(
    folder: Path, homes: list[DaemonHome], engine: dict[str, str]
) -> None:
    """The worker is killed in between: the next one gets the recipes that the daemon read at its start."""
    home = DaemonHome(folder, engine)
    homes.append(home)
    home.settings.config_file.write_text('recipe = "mine"\n', encoding="utf-8")
    own = home_file(home.settings.home)
    own.write_text(OWN, encoding="utf-8")
    mine, patience = load_recipe("mine", home.settings.home), 200 if engine else 25
    process = home.start_and_wait()
    shutil.copy(SAMPLES / PICTURE, home.inbox)
    wait_for(lambda: home.states().get(PICTURE) is JobState.DONE, patience)
    assert_described(home, mine, PICTURE, is_video=False)
    own.write_text("[mine]\nversion = 0\n", encoding="utf-8")
    home.worker(process).kill()
    shutil.copy(SAMPLES / CLIP, home.inbox)
    wait_for(lambda: home.states().get(CLIP) is JobState.DONE, patience)
    assert_described(home, mine, CLIP, is_video=True)


def test_mistakes_in_a_homes_recipes_end_the_start_with_all_of_them(folder: Path, homes: list[DaemonHome]) -> None:
    home = DaemonHome(folder)
    homes.append(home)
    own = home_file(home.settings.home)
    own.write_text(OWN.replace("tokens = 24", "tokens = 0", 1).replace("version = 7", "version = -1"), encoding="utf-8")
    done = command(home, "run", "--once")
    assert done.returncode == 78
    assert f"{own}, line 2: mine.version: should be greater than or equal to 1" in done.stderr
    assert f"{own}, line 6: mine.image.what_it_is.tokens: should be greater than or equal to 1" in done.stderr
