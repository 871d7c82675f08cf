from __future__ import annotations

import os
from dataclasses import dataclass
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.intake.settling import BEING_WRITTEN, COPYING, FINDER_COPYING, NOT_DOWNLOADED, Settling
from daemon.media.safe_open import DATALESS

QUIET = 5.0
PATH = b"/inbox/beach.jpg"


@dataclass(frozen=True)
class Stat:
    """As much of an os.stat_result as settling looks at."""

    st_size: int = 10
    st_mtime_ns: int = 1
    st_ctime_ns: int = 1
    st_dev: int = 1
    st_ino: int = 7
    st_birthtime: float = 0.0
    st_flags: int = 0


def stat(**changes: float) -> os.stat_result:
    return cast(os.stat_result, Stat(**changes))  # type: ignore[arg-type]


def test_a_file_settles_when_it_was_unchanged_for_the_quiet_time() -> None:
    settling = Settling(QUIET)
    settling.observe(PATH, stat(), 0.0)
    settling.observe(PATH, stat(), 4.9)
    assert settling.due(4.9) == []
    settling.observe(PATH, stat(), 5.0)
    assert settling.due(5.0) == [PATH]


def test_one_observation_is_not_enough_however_old_it_is() -> None:
    settling = Settling(QUIET)
    settling.observe(PATH, stat(), 0.0)
    assert settling.due(1000.0) == []


@pytest.mark.parametrize("field", ["st_size", "st_mtime_ns", "st_ctime_ns", "st_ino", "st_dev"])
def test_any_change_restarts_the_wait(field: str) -> None:
    settling = Settling(QUIET)
    settling.observe(PATH, stat(), 0.0)
    assert settling.observe(PATH, stat(**{field: 99}), 4.0) is BEING_WRITTEN
    settling.observe(PATH, stat(**{field: 99}), 8.9)
    assert settling.due(8.9) == []
    settling.observe(PATH, stat(**{field: 99}), 9.0)
    assert settling.due(9.0) == [PATH]


@pytest.mark.parametrize("birth", [-2082844800.0, -753549904.0, 443779200.0])
def test_a_finder_copy_waits_until_it_has_its_own_birth_time(birth: float) -> None:
    settling = Settling(QUIET)
    for now in (0.0, 10.0, 20.0):
        assert settling.observe(PATH, stat(st_birthtime=birth), now) is COPYING
    assert settling.due(20.0) == []
    assert settling.unsettled == 1
    settling.observe(PATH, stat(st_birthtime=1e9), 21.0)
    settling.observe(PATH, stat(st_birthtime=1e9), 26.0)
    assert settling.due(26.0) == [PATH]


@pytest.mark.parametrize("birth", sorted(FINDER_COPYING))
def test_a_file_that_keeps_the_finder_s_birth_time_is_taken_once_it_is_old(birth: float) -> None:
    settling = Settling(QUIET)
    for now in (0.0, 10.0):
        assert settling.observe(PATH, stat(st_birthtime=birth), now, young=False) is None
    assert settling.due(10.0) == [PATH]


def test_a_file_in_the_cloud_waits_and_does_not_count_as_moving() -> None:
    settling = Settling(QUIET)
    for now in (0.0, 10.0):
        assert settling.observe(PATH, stat(st_flags=DATALESS), now) is NOT_DOWNLOADED
    assert settling.due(10.0) == []
    assert settling.unsettled == 0


def test_a_forgotten_path_starts_over() -> None:
    settling = Settling(QUIET)
    settling.observe(PATH, stat(), 0.0)
    settling.observe(PATH, stat(), 5.0)
    settling.forget(PATH)
    settling.forget(PATH)
    assert settling.due(5.0) == []
    settling.observe(PATH, stat(), 5.0)
    assert settling.due(10.0) == []


looks = st.lists(st.tuples(st.floats(0.01, 8.0), st.integers(0, 2), st.sampled_from([b"/a", b"/b"])), max_size=30)


@given(looks)
def test_a_due_file_was_observed_twice_unchanged_over_the_quiet_time(steps: list[tuple[float, int, bytes]]) -> None:
    settling, now = Settling(QUIET), 0.0
    seen: dict[bytes, list[tuple[float, int]]] = {}
    for pause, size, path in steps:
        now += pause
        settling.observe(path, stat(st_size=size), now)
        seen.setdefault(path, []).append((now, size))
        due = settling.due(now)
        for known, history in seen.items():
            last = history[-1][1]
            alike = []
            for moment, old in reversed(history):
                if old != last:
                    break
                alike.append(moment)
            assert (known in due) == (len(alike) >= 2 and now - alike[-1] >= QUIET)
