"""States that last: logged when they begin and when they are over, with how long that was, and once an hour meanwhile.

What is logged must not depend on how often somebody looks, or on figures in the words: a full disk that is asked for
every second is one state, however many megabytes are free each time. Pure, but for `log_lines`: times are passed in.
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
class Line:
    """A line for the log, by the name of its level."""

    level: str
    text: str


@dataclass
class Spell:
    """A state since it began: when it was last seen, and last logged."""

    state: State
    since: float
    seen: float
    logged: float


class Episode:
    """One thing that is well, or not. `on` and `off` are called whenever it was looked at (monotonic time).

    States that take turns are each logged once: one is over when it was not seen for `calm` seconds.
    """

    def __init__(self, calm: float = CALM_SECONDS) -> None:
        self._calm = calm
        self._spells: dict[str, Spell] = {}

    def on(self, state: State, now: float) -> list[Line]:
        """It is in this state now. What is to be logged."""
        spell = self._spells.get(state.key)
        if spell is None:
            over = self.off(now)
            self._spells[state.key] = Spell(state, now, now, now)
            return [*over, Line("WARNING", state.begins)]
        spell.seen = now
        if now - spell.logged < REMIND_SECONDS:
            return []
        spell.logged = now
        return [Line("WARNING", f"{state.begins} That has lasted for {lasting(now - spell.since)}.")]

    def off(self, now: float) -> list[Line]:
        """It is well now. What is to be logged."""
        over = [spell for spell in self._spells.values() if spell.seen + self._calm <= now]
        return [line for spell in over for line in self._end(spell)]

    def _end(self, spell: Spell) -> list[Line]:
        del self._spells[spell.state.key]
        if not spell.state.ends:
            return []
        return [Line("INFO", f"{spell.state.ends} after {lasting(spell.seen - spell.since)}.")]


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


def log_lines(lines: Iterable[Line], error: BaseException | None = None) -> None:
    """Log the lines; with a beginning, the traceback of `error`, if there is one."""
    for line in lines:
        logger.opt(exception=error if line.level == "WARNING" else None).log(line.level, "{}", line.text)
