"""What the soak takes for a fault of `smolwatch ask`."""

from __future__ import annotations

import json
from subprocess import CompletedProcess

import pytest

from tests.support.questions import BY_DAEMON, BY_ITSELF, end_of, fault_of

NOTE = "smolwatch: no daemon is running; the model is loaded for this question alone.\n"
ENDED = "smolwatch: The daemon ended before it answered the question.\n"
ADVICE = "  Ask again.\n"


def done(code: int = 0, err: str = "", text: str = "Red.", *, by_daemon: bool = True) -> CompletedProcess[str]:
    out = json.dumps({"answers": [{"text": text}], "daemon": by_daemon})
    return CompletedProcess(["ask"], code, out if code == 0 else "{}", err)


def test_the_right_answer_and_one_sentence_with_its_exit_code_are_no_faults() -> None:
    ends = [done(), done(err=NOTE, by_daemon=False), done(4, ENDED + ADVICE), done(1, NOTE + ENDED)]
    assert [fault_of(each, "Red.") for each in ends] == [""] * 4
    assert [end_of(each) for each in ends] == [
        BY_DAEMON,
        BY_ITSELF,
        "exit code 4: The daemon ended before it answered the question.",
        "exit code 1: The daemon ended before it answered the question.",
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        done(text=""),
        done(text="Blue."),
        done(4, ADVICE),
        done(4, ENDED + ENDED),
        done(1, "Traceback (most recent call last):\n  File\nKeyError: 1\n"),
        done(1, "smolwatch: unexpected error: KeyError: 1\n"),
        done(3, "smolwatch: There is no database yet.\n"),
        done(-9, ENDED),
    ],
)
def test_any_other_end_is_a_fault(wrong: CompletedProcess[str]) -> None:
    assert fault_of(wrong, "Red.")
