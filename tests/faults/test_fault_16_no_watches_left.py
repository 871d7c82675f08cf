"""Fault 16: the system allows no more watches. Real, in a user namespace with a limit of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.intake_home import PNG, IntakeHome, intake_process
from tests.support.waiting import wait_for

UNSHARE = ("unshare", "--user", "--map-root-user")


def limited(name: str, limit: int) -> list[str]:
    """What to put before a command line, so that it runs under the limit."""
    return [*UNSHARE, "sh", "-c", f'echo {limit} > /proc/sys/user/{name} && exec "$@"', "sh"]


def may_limit() -> bool:
    if sys.platform != "linux":
        return False
    try:
        return subprocess.run([*limited("max_inotify_watches", 1), "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not may_limit(), reason="lowers the limit in a user namespace, which is not allowed here")
@pytest.mark.parametrize(("name", "limit"), [("max_inotify_instances", 0), ("max_inotify_watches", 1)])
def test_without_watches_the_inbox_is_listed_often_and_the_limit_is_named(
    intake_home: IntakeHome, name: str, limit: int
) -> None:
    below = intake_home.inbox / "folder"
    below.mkdir()
    with intake_process(intake_home.settings.home, before=limited(name, limit)):
        state = wait_for(lambda: found if (found := intake_home.library.status.intake()) and found.advice else None)
        assert state.observer == "poll"
        assert "fs.inotify.max_user_watches" in state.advice
        (below / "x.png").write_bytes(PNG)
        wait_for(lambda: intake_home.queued() == {"folder/x.png"})


@pytest.mark.skipif(not may_limit(), reason="lowers the limit in a user namespace, which is not allowed here")
def test_a_limit_that_is_met_later_is_noticed(intake_home: IntakeHome) -> None:
    with intake_process(intake_home.settings.home, before=limited("max_inotify_watches", 2)):
        for name in ("one", "two", "three"):
            (intake_home.inbox / name).mkdir()
        wait_for(lambda: (found := intake_home.library.status.intake()) and found.observer == "poll")
        (intake_home.inbox / "three" / "x.png").write_bytes(PNG)
        wait_for(lambda: intake_home.queued() == {"three/x.png"})
