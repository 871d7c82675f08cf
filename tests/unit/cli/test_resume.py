from __future__ import annotations

import json

from tests.unit.cli.conftest import House


def test_a_pause_is_ended(house: House) -> None:
    house.queue()
    house.ask("pause")
    result = house.ask("resume")
    assert (result.exit_code, result.stdout) == (0, "Work continues.\n")
    assert "smolwatch run" in result.stderr, "no daemon runs"
    assert house.claim()
    assert "\npaused" not in house.ask("status").stdout


def test_what_is_not_paused_is_no_failure(house: House) -> None:
    house.queue()
    assert house.ask("resume").stdout == "Work was not paused.\n"
    assert json.loads(house.ask("resume", "--json").stdout) == {"paused": False, "was_paused": False}
