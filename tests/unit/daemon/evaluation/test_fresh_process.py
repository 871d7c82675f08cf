from __future__ import annotations

import os
import signal

import pytest

from config.errors import NotFoundError
from daemon.errors import EngineError
from daemon.evaluation.fresh_process import in_fresh_process


def product(first: int, second: int) -> tuple[int, int]:
    return first * second, os.getpid()


def fail() -> None:
    raise NotFoundError("There is no such thing.", advice="Look elsewhere.")


def die(with_signal: signal.Signals | None) -> None:
    if with_signal is not None:
        os.kill(os.getpid(), with_signal)
    os._exit(3)


def test_the_result_comes_from_another_process() -> None:
    found, pid = in_fresh_process(product, 6, 7)
    assert (found, pid == os.getpid()) == (42, False)


def test_an_error_of_ours_keeps_its_sentence_and_its_advice() -> None:
    with pytest.raises(EngineError, match=r"There is no such thing\.") as raised:
        in_fresh_process(fail)
    assert raised.value.advice == "Look elsewhere."


@pytest.mark.parametrize(("with_signal", "how"), [(signal.SIGKILL, "signal SIGKILL"), (None, "exit code 3")])
def test_a_process_that_dies_is_an_error_that_names_how(with_signal: signal.Signals | None, how: str) -> None:
    with pytest.raises(EngineError, match=f"The process ended without a result: {how}"):
        in_fresh_process(die, with_signal)


def test_a_process_that_takes_too_long_is_ended() -> None:
    with pytest.raises(EngineError, match=r"took longer than 0 seconds"):
        in_fresh_process(product, 6, 7, seconds=0)
