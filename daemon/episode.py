"""States that last: logged when they begin and when they are over, with how long that was, and once an hour meanwhile.

What is logged must not depend on how often somebody looks, or on figures in the words: a full disk that is asked for
every second is one state, however many megabytes are free each time. Pure, but for `tell`: times are passed in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from loguru import logger

#: A state that was not seen for so long is over. Less is a flicker: a disk that hovers about its limit, say.
CALM_SECONDS = 10.0
REMIND_SECONDS = 3600.0


@dataclass(frozen=True)
class State:
    """`key` tells states apart. `begins` is a sentence, `ends` one without its full stop; "": the end goes unsaid."""

    key: str
    begins: str
    ends: str = ""


@dataclass(frozen=True)
class Said:
    """A line for the log, by the name of its level."""

    level: str
    text: str


class Episode:
    """One thing that is well, or in one state. `on` and `off` are called whenever it was looked at (monotonic time)."""

    def __init__(self, calm: float = CALM_SECONDS) -> None:
        self._calm = calm
        self._state: State | None = None
        self._since = self._seen = self._said = 0.0

    def on(self, state: State, now: float) -> list[Said]:
        """It is in this state now. What is to be logged."""
        before, self._seen = self._state, now
        if before is None or before.key != state.key:
            lines = self._end(now) if before else []
            self._state, self._since, self._said = state, now, now
            return [*lines, Said("WARNING", state.begins)]
        if now - self._said < REMIND_SECONDS:
            return []
        self._said = now
        return [Said("WARNING", f"{state.begins} That has lasted for {lasting(now - self._since)}.")]

    def off(self, now: float) -> list[Said]:
        """It is well now. What is to be logged."""
        if self._state is None or now - self._seen < self._calm:
            return []
        return self._end(self._seen)

    def _end(self, now: float) -> list[Said]:
        state, self._state = self._state, None
        if state is None or not state.ends:
            return []
        return [Said("INFO", f"{state.ends} after {lasting(now - self._since)}.")]


def lasting(seconds: float) -> str:
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


def tell(lines: Iterable[Said], error: BaseException | None = None) -> None:
    """Log the lines; with the traceback of `error`, if there is one."""
    for line in lines:
        logger.opt(exception=error).log(line.level, "{}", line.text)
