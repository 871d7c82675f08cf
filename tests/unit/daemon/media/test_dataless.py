from __future__ import annotations

import errno
import os
import sys

from daemon.media.dataless import forbid_downloads, is_dataless_error


def test_the_policy_is_set_once_and_a_refusal_is_harmless() -> None:
    """The numbers are from macOS's sys/resource.h, which this machine does not have."""
    calls: list[tuple[int, int, int]] = []

    def takes(*numbers: int) -> int:
        calls.append((numbers[0], numbers[1], numbers[2]))
        return 0

    def raises(*numbers: int) -> int:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    assert forbid_downloads(takes)
    assert calls == [(3, 0, 1)]
    assert not forbid_downloads(lambda *numbers: -1)
    assert not forbid_downloads(raises)


def test_on_other_systems_no_policy_is_set() -> None:
    assert forbid_downloads() is (sys.platform == "darwin")


def test_a_refused_read_is_found_behind_what_a_library_made_of_it() -> None:
    refused = OSError(errno.EDEADLK, os.strerror(errno.EDEADLK))
    behind, beside = ValueError("damaged"), ValueError("damaged")
    behind.__cause__, beside.__context__ = refused, refused
    assert [is_dataless_error(error) for error in (refused, behind, beside)] == [True] * 3
    assert [is_dataless_error(error) for error in (None, OSError(errno.EIO, "no"), ValueError("damaged"))] == [
        False
    ] * 3


def test_errors_that_are_each_others_cause_have_an_end() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert not is_dataless_error(one)
