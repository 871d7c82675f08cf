"""`recipe = "brief"`: a caption alone, from the question to the sidecars, the commands and back from the sidecars."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from PIL import Image

from config.recipes import load_recipe
from tests.support.checkout import ROOT
from tests.support.processes import DaemonHome

NAME = "beach.png"


def invoke(home: DaemonHome, *arguments: str) -> str:
    command = [sys.executable, "-m", "cli.main", "--home", str(home.settings.home), *arguments]
    done = subprocess.run(command, cwd=ROOT, env=home.environ, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode in (0, 4), done.stderr
    return done.stdout


def test_the_record_holds_a_caption_alone_and_nothing_misses_more(tmp_path: Path) -> None:
    home = DaemonHome(tmp_path / "home", {"SMOLWATCH_RECIPE": "brief"})
    try:
        Image.new("RGB", (64, 48), "red").save(home.inbox / NAME)
        assert home.start("--once").wait(timeout=50) == 0
        record = json.loads((home.inbox / f"{NAME}.smolwatch.json").read_text())
        assert record["answers"] == {"caption": "A picture of 64x48."}
        assert record["recipe"] == {"name": "brief", "version": 1, "digest": load_recipe("brief").digest}
        lines = (home.inbox / f"{NAME}.md").read_text().splitlines()
        assert [line for line in lines if line.startswith("## ")] == ["## Caption", "## Figures"]
        assert "A picture of 64x48." in invoke(home, "ls")
        path = str(home.inbox.resolve() / NAME)
        assert "summary" not in invoke(home, "show", path).casefold()
        assert json.loads(invoke(home, "show", path, "--json"))["answers"] == record["answers"]
        assert home.settings.database_file.is_file()
        for file in home.settings.database_file.parent.glob("smolwatch.db*"):
            file.unlink()
        invoke(home, "db", "rebuild")
        assert json.loads(invoke(home, "show", path, "--json"))["recipe"] == record["recipe"]
    finally:
        home.close()


def test_a_file_that_was_described_with_a_summary_keeps_it(tmp_path: Path) -> None:
    """On request, the brief description is added to it."""
    first = DaemonHome(tmp_path / "home")
    Image.new("RGB", (64, 48), "red").save(first.inbox / NAME)
    sidecar = first.inbox / f"{NAME}.smolwatch.json"
    brief = DaemonHome(tmp_path / "home", {"SMOLWATCH_RECIPE": "brief"})
    try:
        assert first.start("--once").wait(timeout=50) == 0
        before = sidecar.read_bytes()
        assert brief.start("--once").wait(timeout=50) == 0
        assert sidecar.read_bytes() == before
        invoke(brief, "redo", "--yes", str(brief.inbox.resolve() / NAME))
        assert brief.start("--once").wait(timeout=50) == 0
        record = json.loads(sidecar.read_text())
        added = record.pop("other_recipes")
        assert record == json.loads(before)
        assert list(added["brief"]["answers"]) == ["caption"]
        text = (brief.inbox / f"{NAME}.md").read_text()
        assert text.index("## Summary") < text.index(f"# {NAME}: brief")
    finally:
        first.close()
        brief.close()


def test_a_recipe_that_does_not_exist_ends_the_start_with_those_that_do(tmp_path: Path) -> None:
    home = DaemonHome(tmp_path / "home", {"SMOLWATCH_RECIPE": "short"})
    command = [sys.executable, "-m", "cli.main", "--home", str(home.settings.home), "run", "--once"]
    done = subprocess.run(command, cwd=ROOT, env=home.environ, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 78
    assert "There is no recipe 'short'" in done.stderr
    assert "default, brief" in done.stderr
