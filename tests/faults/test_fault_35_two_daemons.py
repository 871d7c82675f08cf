"""Fault 35: two daemons on one home. Real.

The second ends with 75 and names the first; a daemon that is killed leaves no lock behind.
"""

from __future__ import annotations

import signal

from config.errors import AlreadyRunningError
from daemon.lock import holder
from tests.support.processes import DaemonHome


def test_the_second_is_refused_with_the_firsts_pid_and_the_first_goes_on(home: DaemonHome) -> None:
    first = home.start_and_wait()
    second = home.start()
    _, output = second.communicate(timeout=20)
    assert second.returncode == AlreadyRunningError.exit_code == 75
    assert str(first.pid) in output
    assert first.poll() is None


def test_a_daemon_killed_by_kill_9_leaves_the_lock_free_for_the_next(home: DaemonHome) -> None:
    first = home.start_and_wait()
    first.send_signal(signal.SIGKILL)
    first.wait(timeout=5)
    assert holder(home.settings.lock_file) is None
    second = home.start_and_wait()
    assert holder(home.settings.lock_file) == second.pid
