"""Lasting states, logged when they begin, once an hour, and when they end, with their duration.

The log depends neither on how often a state is checked nor on numbers in its text: a full disk that is checked every
second is one state, however many megabytes are free each time. Pure, but for `log_lines`: times are passed in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from loguru import logger

#: A state that was not seen for so long has ended. Shorter gaps are flicker: a disk near its limit, for example.
CALM_SECONDS = 10.0
REMIND_SECONDS = 3600.0


@dataclass(frozen=True)
class State:
    """`key` identifies a state. `begins` is a sentence, `ends` one without its full stop; "": the end is not logged."""

    key: str
    begins: str
    ends: str = ""


@dataclass(frozen=True)
class Line:
    """A log line; `level` is a level's name."""

    level: str
    text: str


@dataclass
class OngoingState:
    """A state since it began; when it was last seen, and last logged (monotonic)."""

    state: State
    since: float
    seen: float
    logged: float


class Episode:
    """The states of one component. Call `on` or `off` at every check, with the monotonic time.

    Alternating states are each logged once: a state has ended when it was not seen for `calm` seconds.
    """

    def __init__(self, calm: float = CALM_SECONDS) -> None:
        self._calm = calm
        self._ongoing: dict[str, OngoingState] = {}

    def on(self, state: State, now: float) -> list[Line]:
        """The component is in this state; the lines to log."""
        ongoing = self._ongoing.get(state.key)
        if ongoing is None:
            ended = self.off(now)
            self._ongoing[state.key] = OngoingState(state, now, now, now)
            return [*ended, Line("WARNING", state.begins)]
        ongoing.seen = now
        if now - ongoing.logged < REMIND_SECONDS:
            return []
        ongoing.logged = now
        return [Line("WARNING", f"{state.begins} This has lasted for {duration(now - ongoing.since)}.")]

    def off(self, now: float) -> list[Line]:
        """The component is well; the lines to log."""
        ended = [ongoing for ongoing in self._ongoing.values() if ongoing.seen + self._calm <= now]
        return [line for ongoing in ended for line in self._end(ongoing)]

    def _end(self, ongoing: OngoingState) -> list[Line]:
        del self._ongoing[ongoing.state.key]
        if not ongoing.state.ends:
            return []
        return [Line("INFO", f"{ongoing.state.ends} after {duration(ongoing.seen - ongoing.since)}.")]


def duration(seconds: float) -> str:
    """ "42 s", "3 min", "2 h 5 min" or "3 days"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} days"


def log_lines(lines: Iterable[Line], error: BaseException | None = None) -> None:
    """Log the lines; a warning with the traceback of `error`, if there is one."""
    for line in lines:
        logger.opt(exception=error if line.level == "WARNING" else None).log(line.level, "{}", line.text)
