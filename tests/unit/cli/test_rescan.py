from __future__ import annotations

from daemon.intake.rescan import WISH
from daemon.lock import HomeLock
from tests.unit.cli.conftest import House


def test_without_a_daemon_there_is_nobody_to_ask(house: House) -> None:
    result = house.ask("rescan")
    assert result.exit_code == 4
    assert "smolwatch run" in result.stderr


def test_an_inbox_that_cannot_be_listed_is_told_rather_than_waited_for(house: House) -> None:
    house.store.set_state("intake", {"problem": "inbox missing"})
    with HomeLock(house.settings.lock_file):
        result = house.ask("rescan", "--hash")
    assert result.exit_code == 1
    assert "inbox missing" in result.stderr
    wish = house.store.state(WISH)
    assert wish is not None
    assert wish["compare"] is True
