"""`recipe = "brief"`: a caption alone, from the question to the sidecars, the commands and back from the sidecars."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from PIL import Image

from config.recipes import load_recipe
from tests.support.processes import ROOT, House

NAME = "beach.png"


def ask(house: House, *arguments: str) -> str:
    command = [sys.executable, "-m", "cli.main", "--home", str(house.settings.home), *arguments]
    done = subprocess.run(command, cwd=ROOT, env=house.environ, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode in (0, 4), done.stderr
    return done.stdout


def test_the_record_holds_a_caption_alone_and_nothing_misses_more(tmp_path: Path) -> None:
    house = House(tmp_path / "house", {"SMOLWATCH_RECIPE": "brief"})
    try:
        Image.new("RGB", (64, 48), "red").save(house.inbox / NAME)
        assert house.start("--once").wait(timeout=50) == 0
        record = json.loads((house.inbox / f"{NAME}.smolwatch.json").read_text())
        assert record["answers"] == {"caption": "A picture of 64x48."}
        assert record["recipe"] == {"name": "brief", "version": 1, "digest": load_recipe("brief").digest}
        lines = (house.inbox / f"{NAME}.md").read_text().splitlines()
        assert [line for line in lines if line.startswith("## ")] == ["## Caption", "## Figures"]
        assert "A picture of 64x48." in ask(house, "ls")
        path = str(house.inbox.resolve() / NAME)
        assert "summary" not in ask(house, "show", path).casefold()
        assert json.loads(ask(house, "show", path, "--json"))["answers"] == record["answers"]
        assert house.settings.database_file.is_file()
        for file in house.settings.database_file.parent.glob("smolwatch.db*"):
            file.unlink()
        ask(house, "db", "rebuild")
        assert json.loads(ask(house, "show", path, "--json"))["recipe"] == record["recipe"]
    finally:
        house.close()


def test_a_file_that_was_described_with_a_summary_keeps_it(tmp_path: Path) -> None:
    """Until a person asks for it anew."""
    first = House(tmp_path / "house")
    Image.new("RGB", (64, 48), "red").save(first.inbox / NAME)
    sidecar = first.inbox / f"{NAME}.smolwatch.json"
    brief = House(tmp_path / "house", {"SMOLWATCH_RECIPE": "brief"})
    try:
        assert first.start("--once").wait(timeout=50) == 0
        before = sidecar.read_bytes()
        assert brief.start("--once").wait(timeout=50) == 0
        assert sidecar.read_bytes() == before
        ask(brief, "retry", str(brief.inbox.resolve() / NAME))
        assert brief.start("--once").wait(timeout=50) == 0
        assert list(json.loads(sidecar.read_text())["answers"]) == ["caption"]
        assert "## Summary" not in (brief.inbox / f"{NAME}.md").read_text()
    finally:
        first.close()
        brief.close()


def test_a_recipe_that_does_not_exist_ends_the_start_with_those_that_do(tmp_path: Path) -> None:
    house = House(tmp_path / "house", {"SMOLWATCH_RECIPE": "short"})
    command = [sys.executable, "-m", "cli.main", "--home", str(house.settings.home), "run", "--once"]
    done = subprocess.run(command, cwd=ROOT, env=house.environ, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 78
    assert "There is no recipe 'short'" in done.stderr
    assert "default, brief" in done.stderr
