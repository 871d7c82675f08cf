"""Fault 29: processes die at any moment. Real.

Kill -9, SIGSEGV and SIGSTOP hit daemon, worker and decoder, and some files kill, crash or hang the worker, while others
arrive in two inboxes with different recipes, one person pauses, cancels, retries, rescans and has files described again
by other recipes, and another one asks about pictures inside and outside of the inboxes. Each run prints its seed;
SOAK_SEED takes that one again, as far as the machine's timing allows.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.lifecycle import JobState
from tests.support.postgres import Server, new_server
from tests.support.processes import DaemonHome
from tests.support.soak import Soak

HASTY = {
    "SMOLWATCH_WORK__STALL_SECONDS": "2",
    "SMOLWATCH_WORK__DECODE_SECONDS": "3",
}
ON_MLX = {
    "SMOLWATCH_MODEL__ENGINE": "mlx",
    "SMOLWATCH_MODEL__ID": "demo",
    "SMOLWATCH_WORK__STALL_SECONDS": "8",
}

INBOXES = """
[[inbox]]
name = "photos"
path = "inbox"

[[inbox]]
name = "album"
path = "../album"
recipe = "brief"

[[inbox.folder]]
match = "scans"
recipe = "document"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a new home with two inboxes."""
    (tmp_path / "home" / "config").mkdir(parents=True)
    (tmp_path / "home" / "inbox").mkdir()
    (tmp_path / "album" / "scans").mkdir(parents=True)
    (tmp_path / "home" / "config" / "smolwatch.toml").write_text(INBOXES)
    return tmp_path / "home"


@pytest.fixture
def home(folder: Path) -> Iterator[DaemonHome]:
    home = DaemonHome(folder, HASTY, scripted=True)
    yield home
    home.close()


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("SOAK_SEED") or random.randrange(1_000_000))


@pytest.mark.timeout(560)
def test_a_minute_of_deaths_loses_nothing_and_doubles_nothing(home: DaemonHome, seed: int) -> None:
    """The calm ends with the last job.

    At worst all six poison files hang, with three attempts each: 2 s x 8, and 7 s until the next worker works.
    """
    soak(home, seed, storm_seconds=60, calm_seconds=414, most_poison=6)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_quarter_of_an_hour_of_deaths_loses_nothing_and_doubles_nothing(home: DaemonHome, seed: int) -> None:
    soak(home, seed, storm_seconds=900, calm_seconds=600, most_poison=9)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_nor_does_a_minute_in_which_mlx_runs_the_demo_model(folder: Path, seed: int) -> None:
    """No file is poison here. Faults are seconds apart, so that the model is loaded and killed at its work."""
    with closing(DaemonHome(folder, {**HASTY, **ON_MLX})) as home:
        soak(home, seed, storm_seconds=60, calm_seconds=1300, most_poison=0, fault_share=0.2)
        with home.reading() as library:
            jobs = library.jobs(limit=10_000)
            described = [found for job in jobs if (found := library.description(job.id)) is not None]
    print(f"{sum(job.attempts > 1 for job in jobs)} of {len(jobs)} jobs were begun more than once")
    assert {description.model.engine for description in described} == {"mlx"}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nor_do_three_minutes_in_which_the_databases_server_restarts_too(folder: Path, seed: int) -> None:
    with closing(new_server()) as server, server.new_database() as address:
        environ = {**HASTY, "SMOLWATCH_DATABASE__URL": address}
        with closing(DaemonHome(folder, environ, scripted=True)) as home:
            soak(home, seed, storm_seconds=180, calm_seconds=300, most_poison=4, server=server)


def soak(
    home: DaemonHome,
    seed: int,
    *,
    storm_seconds: float,
    calm_seconds: float,
    most_poison: int,
    fault_share: float = 0.5,
    server: Server | None = None,
) -> None:
    storm = Soak(home, seed, server, most_poison=most_poison, fault_share=fault_share)
    soaked = storm.run(storm_seconds=storm_seconds, calm_seconds=calm_seconds)
    print(soaked)
    assert soaked.ledger.is_clean, f"{soaked}\n{soaked.ledger}"
    assert soaked.ledger.states[JobState.DONE] > 0
    assert soaked.faults.total() > 5
    assert soaked.unanswered == []
    assert soaked.typed["redo"] > 0
    assert soaked.wrong_answers == []
    assert soaked.is_answered_in_calm, soaked
