"""Runs of the whole daemon that are measured: with the demo's model, or with that in the folder that PROOF_MODEL names.

On that one torch computes with as many threads as it would for people, else on one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import config
from tests.support.checkout import ROOT
from tests.support.processes import DaemonHome

MODEL = os.environ.get("PROOF_MODEL", "demo")
IS_FULL_SIZE = MODEL != "demo"
TOKENS = 4


def proof_home(folder: Path) -> DaemonHome:
    """A home in which the model answers in few words at one tile a picture."""
    home = DaemonHome(folder / "home", {"SMOLWATCH_MODEL__ENGINE": "auto", "SMOLWATCH_MODEL__DETAIL": "fast"})
    short = folder / "short"
    write_short_recipe(short)
    home.environ |= {"SMOLWATCH_MODEL__ID": MODEL, "PYTHONPATH": f"{short}:{ROOT}", "PYTHONSAFEPATH": "1"}
    if IS_FULL_SIZE:
        home.environ.pop("OMP_NUM_THREADS", None)
    return home


def write_short_recipe(folder: Path) -> None:
    """A copy of `config` that asks the same for fewer tokens, to be imported instead of it."""
    copy = folder / "config"
    shutil.copytree(Path(config.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    recipes = copy / "recipes.toml"
    recipes.write_text(re.sub(r"tokens = \d+", f"tokens = {TOKENS}", recipes.read_text(encoding="utf-8")))


def program(home: DaemonHome, module: str, *arguments: str) -> subprocess.Popen[str]:
    """A module of this checkout, started in that home's environment."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(command, env=home.environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def run_once(home: DaemonHome) -> subprocess.Popen[str]:
    return program(home, "cli.main", "--home", str(home.settings.home), "run", "--once")


def output_of(process: subprocess.Popen[str]) -> str:
    """What a program says until it ends, which must be well."""
    output, _ = process.communicate()
    assert process.returncode == 0, f"exit code {process.returncode}"
    return output
