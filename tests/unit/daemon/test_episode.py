from __future__ import annotations

import pytest

from daemon.episode import CALM_SECONDS, REMIND_SECONDS, Episode, Line, State, duration

AWAY = State("away", "Inbox missing: waiting for /inbox.", "The inbox is back")
FULL = State("full", "Disk full: 7 MB are free.", "There is room again")


def test_a_state_is_logged_when_it_begins_and_when_it_ends() -> None:
    episode = Episode()
    assert episode.on(AWAY, 100.0) == [Line("WARNING", "Inbox missing: waiting for /inbox.")]
    assert [line for second in range(101, 280, 3) for line in episode.on(AWAY, second)] == []
    assert episode.off(279.0 + CALM_SECONDS) == [Line("INFO", "The inbox is back after 3 min.")]
    assert episode.off(1000.0) == []


def test_another_text_for_the_same_state_is_not_logged() -> None:
    episode = Episode()
    episode.on(FULL, 0.0)
    assert episode.on(State("full", "Disk full: 6 MB are free.", "There is room again"), 1.0) == []


def test_a_state_that_flickers_is_one_state() -> None:
    episode = Episode()
    episode.on(FULL, 0.0)
    lines = []
    for second in range(1, 100):
        lines += episode.off(second) if second % 3 else episode.on(FULL, second)
    assert lines == []
    assert episode.off(99.0 + CALM_SECONDS) == [Line("INFO", "There is room again after 99 s.")]


def test_a_state_ends_when_another_replaces_it() -> None:
    episode = Episode()
    for second in range(61):
        episode.on(AWAY, second)
    assert [line.text for line in episode.on(FULL, 80.0)] == ["The inbox is back after 60 s.", FULL.begins]


def test_alternating_states_are_logged_once_each() -> None:
    episode = Episode()
    lines = [line.text for second in range(100) for line in episode.on(AWAY if second % 2 else FULL, second)]
    assert lines == [FULL.begins, AWAY.begins]


def test_a_lasting_state_is_logged_once_an_hour() -> None:
    episode = Episode()
    episode.on(FULL, 0.0)
    lines = [line.text for minute in range(1, 150) for line in episode.on(FULL, 60.0 * minute)]
    assert lines == [
        "Disk full: 7 MB are free. This has lasted for 60 min.",
        "Disk full: 7 MB are free. This has lasted for 2 h.",
    ]
    assert REMIND_SECONDS == 3600


def test_the_end_of_a_state_without_a_text_is_not_logged() -> None:
    episode = Episode(calm=0)
    assert len(episode.on(State("dies", "The worker died."), 0.0)) == 1
    assert episode.off(60.0) == []
    assert len(episode.on(State("dies", "The worker died."), 70.0)) == 1


def test_a_component_that_was_always_well_logs_nothing() -> None:
    assert Episode().off(5.0) == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (42, "42 s"),
        (99, "99 s"),
        (170, "3 min"),
        (5900, "98 min"),
        (7500, "2 h 5 min"),
        (300_000, "3 days"),
    ],
)
def test_a_duration_is_written_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text
