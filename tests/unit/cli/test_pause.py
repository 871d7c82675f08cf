from __future__ import annotations

import json

from daemon.lock import HomeLock
from tests.unit.cli.conftest import House


def test_work_is_paused_once_and_a_second_pause_shows_since_when(house: House) -> None:
    house.queue()
    first = house.ask("pause")
    assert (first.exit_code, first.stdout) == (0, "Paused. To continue: smolwatch resume\n")
    assert house.store.claim("worker", lease_seconds=60) is None
    assert house.ask("pause").stdout.startswith("Work was paused before, since today")


def test_programs_get_a_document(house: House) -> None:
    house.queue()
    document = json.loads(house.ask("pause", "--json").stdout)
    assert (document["paused"], document["was_paused"]) == (True, False)
    assert json.loads(house.ask("status", "--json").stdout)["paused_since"] == document["since"]


def test_status_why_and_run_show_it(house: House) -> None:
    house.queue()
    assert "\npaused" not in house.ask("status").stdout
    house.ask("pause")
    assert "To continue: smolwatch resume" in house.ask("status").stdout
    with HomeLock(house.settings.lock_file):
        assert "Continue with: smolwatch resume" in house.ask("why", "beach.jpg").stdout
        result = house.ask("run")
    assert "Work is paused since today" in result.stderr
    assert result.exit_code == 75


def test_a_pause_needs_a_database(house: House) -> None:
    result = house.ask("pause")
    assert result.exit_code == 3
    assert "smolwatch run" in result.stderr
    assert not house.settings.database_file.exists()
