"""Fault 01: inotify's queue overflows. Real.

The reader is stopped while more happens than the kernel keeps for it.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from tests.support.intake_home import PNG, IntakeHome, intake_process
from tests.support.waiting import wait_for

LIMIT = Path("/proc/sys/fs/inotify/max_queued_events")
#: Created, written, closed.
EVENTS_A_FILE = 3


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has inotify, whose queue overflows here")
def test_what_was_lost_in_an_overflow_is_queued_once_within_five_seconds(intake_home: IntakeHome) -> None:
    count = int(LIMIT.read_text()) // EVENTS_A_FILE + 500
    if count > 10_000:
        pytest.skip("this system keeps too many events to overflow in a few seconds")
    with intake_process(intake_home.settings.home, "inbox.settle_seconds=0.5") as process:
        process.send_signal(signal.SIGSTOP)
        for number in range(count):
            (intake_home.inbox / f"{number}.png").write_bytes(PNG + b"%d" % number)
        process.send_signal(signal.SIGCONT)
        wait_for(lambda: (found := intake_home.library.status.intake()) and found.seen == count, 5)
        wait_for(lambda: len(intake_home.jobs()) >= count, every=0.2)
        process.terminate()
        log = process.communicate()[1]
    assert len(intake_home.queued()) == len(intake_home.jobs()) == count
    assert log.count("Changes in the inbox were missed") == 1
