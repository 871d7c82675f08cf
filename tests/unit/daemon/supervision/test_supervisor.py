from __future__ import annotations

import signal

from daemon.supervision.supervisor import death_of


def test_a_death_is_told_with_its_signal_and_a_kill_with_its_likely_cause() -> None:
    assert death_of(-signal.SIGSEGV) == "The worker was killed by signal 11."
    assert death_of(-signal.SIGKILL) == "The worker was killed by signal 9 (out of memory?)."
    assert death_of(3) == "The worker ended by itself with code 3."
