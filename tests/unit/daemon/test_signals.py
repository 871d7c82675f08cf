from __future__ import annotations

import os
import select
import signal

from daemon.signals import noted_signals


def test_a_signal_leaves_a_note_and_wakes_the_loop() -> None:
    with noted_signals() as note:
        assert not note.asked
        os.kill(os.getpid(), signal.SIGTERM)
        assert select.select([note.wake], [], [], 5)[0]
        assert note.asked
        assert not note.urgent


def test_a_second_signal_is_urgent() -> None:
    with noted_signals() as note:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert note.urgent


def test_a_nudge_wakes_the_loop_and_asks_for_no_stop() -> None:
    with noted_signals() as note:
        note.nudge()
        assert select.select([note.wake], [], [], 5)[0]
        note.take()
        assert not note.asked


def test_a_taken_note_does_not_wake_again() -> None:
    with noted_signals() as note:
        os.kill(os.getpid(), signal.SIGTERM)
        note.take()
        assert not select.select([note.wake], [], [], 0)[0]
        assert note.asked


def test_the_old_answers_are_back_at_the_end() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with noted_signals():
        assert signal.getsignal(signal.SIGTERM) != before[0]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
