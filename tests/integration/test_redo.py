"""`smolwatch redo`: files are described by another recipe, whatever dies meanwhile; a person's words stay."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.failpoints import VARIABLE
from storage.lifecycle import JobState
from tests.support.processes import DaemonHome
from tests.support.running_jobs import draw
from tests.support.waiting import wait_for

REDO = ("redo", "--recipe", "alt-text", "--changed")
WORDS = "My own words."


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    home = DaemonHome(tmp_path / "home")
    yield home
    home.close()


def record_of(home: DaemonHome, name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((home.inbox / f"{name}.smolwatch.json").read_text(encoding="utf-8"))
    return record


def described_by_alt_text(home: DaemonHome, names: list[str]) -> int:
    return sum("alt-text" in record_of(home, name).get("other_recipes", {}) for name in names)


@pytest.mark.parametrize("count", [40, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_exactly_the_files_that_lack_it_get_it_though_command_and_daemon_are_killed(
    home: DaemonHome, count: int
) -> None:
    names = [f"{number}.png" for number in range(count)]
    for number, name in enumerate(names):
        draw(home.inbox / name, size=(40 + number % 500, 30 + number // 500))
    assert home.start("--once").wait(timeout=500) == 0
    some = [str(home.inbox / name) for name in names[:5]]
    assert home.invoke(*REDO, *some).stdout.startswith("5 files to describe again by recipe alt-text: about ")
    assert home.start("--once").wait(timeout=500) == 0
    text = home.inbox / f"{names[7]}.md"
    text.write_text(text.read_text(encoding="utf-8").replace("## Caption\n", f"## Caption\n\n{WORDS}\n"), "utf-8")
    before = {name: record_of(home, name) for name in names}

    home.environ[VARIABLE] = "redoing"
    assert home.invoke(*REDO).returncode != 0
    del home.environ[VARIABLE]
    requested = home.invoke(*REDO)
    assert requested.stdout.startswith(f"{count - 5:,} files to describe again by recipe alt-text: about ")
    assert f"Queued: {count - 5:,}" in requested.stdout
    daemon = home.start()
    wait_for(lambda: described_by_alt_text(home, names) > 8, 60)
    daemon.kill()
    assert home.start("--once").wait(timeout=500) == 0

    assert described_by_alt_text(home, names) == count
    for name in names:
        record = record_of(home, name)
        record.pop("other_recipes")
        before[name].pop("other_recipes", None)
        assert record == before[name], "the first recipe's part is unchanged"
    assert WORDS in text.read_text(encoding="utf-8")
    assert home.invoke(*REDO).stdout.startswith("No described file is to be described again")
    with home.reading() as library:
        done = library.counts()[JobState.DONE]
    assert done == 2 * count, "each file once by each recipe"
