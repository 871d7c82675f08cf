from __future__ import annotations

import os
import select
import signal

from daemon.signals import noted_signals


def test_a_signal_is_noted_and_wakes_the_loop() -> None:
    with noted_signals() as note:
        assert not note.stop_requested
        os.kill(os.getpid(), signal.SIGTERM)
        assert select.select([note.wake], [], [], 5)[0]
        assert note.stop_requested
        assert not note.urgent


def test_a_second_signal_is_urgent() -> None:
    with noted_signals() as note:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert note.urgent


def test_a_nudge_wakes_the_loop_and_requests_no_stop() -> None:
    with noted_signals() as note:
        note.nudge()
        assert select.select([note.wake], [], [], 5)[0]
        note.clear()
        assert not note.stop_requested


def test_a_cleared_note_does_not_wake_again() -> None:
    with noted_signals() as note:
        os.kill(os.getpid(), signal.SIGTERM)
        note.clear()
        assert not select.select([note.wake], [], [], 0)[0]
        assert note.stop_requested


def test_the_old_handlers_are_back_at_the_end() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with noted_signals():
        assert signal.getsignal(signal.SIGTERM) != before[0]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
