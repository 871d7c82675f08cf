from __future__ import annotations

import pytest

from config.groups import Detail
from config.settings import Settings
from storage.db.database import Database
from storage.jobs.store import JobStore
from storage.library import Library
from tests.fakes.clock import FakeClock
from tests.support.worker_bench import Bench
from tests.unit.daemon.conftest import PNG

QUESTION = 'caption = {{ ask = "What is in {}?", tokens = 9 }}'
RECIPE = """\
[mine]
version = 1
context = true
[mine.image]
{0}
[mine.video]
{0}
"""


@pytest.mark.parametrize(("asked", "opened"), [("the picture", 1), ("{name}", 2)])
def test_the_same_bytes_at_another_path_are_described_again_only_where_the_path_is_asked_about(
    settings: Settings, database: Database, store: JobStore, library: Library, clock: FakeClock, asked: str, opened: int
) -> None:
    (settings.home / "config" / "recipes.toml").write_text(RECIPE.format(QUESTION.format(asked)), encoding="utf-8")
    bench = Bench(settings.model_copy(update={"recipe": "mine"}), database, store, library, clock)
    jobs = [bench.queue("first.png", PNG)]
    bench.run_rounds()
    jobs.append(bench.queue("second.png", PNG))
    bench.run_rounds()
    described = [bench.library.description(job) for job in jobs]
    assert [found.recipe.name for found in described if found] == ["mine", "mine"]
    assert len(bench.opener.opened) == opened


def test_the_same_bytes_are_described_again_by_another_detail(
    settings: Settings, database: Database, store: JobStore, library: Library, clock: FakeClock
) -> None:
    bench = Bench(settings, database, store, library, clock)
    details: tuple[Detail | None, ...] = (None, "balanced", "full", "full")
    jobs = []
    for number, detail in enumerate(details):
        jobs.append(bench.queue(f"{number}.png", PNG, detail=detail))
        bench.run_rounds()
    described = [bench.library.description(job) for job in jobs]
    assert [found.model.detail for found in described if found] == ["balanced", "balanced", "full", "full"]
    assert [plan.image_edge for plan in bench.opener.plans] == [1024, 2048], "each opened as its detail needs"
