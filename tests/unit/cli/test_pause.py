from __future__ import annotations

import json

from daemon.lock import HomeLock
from tests.unit.cli.conftest import CliHome


def test_work_is_paused_once_and_a_second_pause_shows_since_when(home: CliHome) -> None:
    home.queue()
    first = home.invoke("pause")
    assert (first.exit_code, first.stdout) == (0, "Paused. To continue: smolwatch resume\n")
    assert home.store.claim("worker", lease_seconds=60) is None
    assert home.invoke("pause").stdout.startswith("Work was paused before, since today")


def test_programs_get_a_document(home: CliHome) -> None:
    home.queue()
    document = json.loads(home.invoke("pause", "--json").stdout)
    assert (document["paused"], document["was_paused"]) == (True, False)
    assert json.loads(home.invoke("status", "--json").stdout)["paused_since"] == document["since"]


def test_status_why_and_run_show_it(home: CliHome) -> None:
    home.queue()
    assert "\npaused" not in home.invoke("status").stdout
    home.invoke("pause")
    assert "To continue: smolwatch resume" in home.invoke("status").stdout
    with HomeLock(home.settings.lock_file):
        assert "Continue with: smolwatch resume" in home.invoke("why", "beach.jpg").stdout
        result = home.invoke("run")
    assert "Work is paused since today" in result.stderr
    assert result.exit_code == 75


def test_a_pause_needs_a_database(home: CliHome) -> None:
    result = home.invoke("pause")
    assert result.exit_code == 3
    assert "smolwatch run" in result.stderr
    assert not home.settings.database_file.exists()
