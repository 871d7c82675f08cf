from __future__ import annotations

import json

from tests.unit.cli.conftest import CliHome


def test_a_pause_is_ended(home: CliHome) -> None:
    home.queue()
    home.invoke("pause")
    result = home.invoke("resume")
    assert (result.exit_code, result.stdout) == (0, "Work continues.\n")
    assert "smolwatch run" in result.stderr, "no daemon runs"
    assert home.claim()
    assert "\npaused" not in home.invoke("status").stdout


def test_what_is_not_paused_is_no_failure(home: CliHome) -> None:
    home.queue()
    assert home.invoke("resume").stdout == "Work was not paused.\n"
    assert json.loads(home.invoke("resume", "--json").stdout) == {"paused": False, "was_paused": False}
