"""Which decoded frames are sound, and what of the video was lost. Pure.

A decoder goes on after damage: it marks the frames that it had to guess, but not those which build on them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

#: So long after damage frames that build on it are left out, until the next key frame. A stream that has none for
#: longer is shown again: most of its picture has been drawn anew by then.
HEALING_SECONDS = 10.0
#: So few frames mean nothing at a stream's end. The last ones are often torn; and frames come out of a decoder late,
#: some of them behind one that is lost.
FEW_FRAMES = 4


class FrameChecks:
    """Watches one pass over a stream. `is_damaged`: something was lost in the middle of it.

    `longest_step`: no frame lasts longer, in seconds; what seems to last longer hides lost ones. `on_loss` is called
    for all that is lost, and may raise.
    """

    def __init__(self, longest_step: float = math.inf, on_loss: Callable[[], None] = lambda: None) -> None:
        self.is_damaged = False
        self._on_loss = on_loss
        self._longest_step = longest_step
        self._lost = self._followed = 0  # frames
        self._hurt_at: float | None = None
        self._suspect_from = math.inf
        self._now = -math.inf
        self._is_entering = False

    @property
    def is_torn(self) -> bool:
        """Whether nothing but damage followed from some place on."""
        return self._lost > FEW_FRAMES

    def suspect(self, at: float) -> None:
        """Something may be missing behind the frame of that time, unless a key frame follows: films are joined so."""
        self._suspect_from = min(self._suspect_from, at)

    def lose(self) -> None:
        """Something cannot be read or decoded here."""
        self._on_loss()
        self._lost += 1
        self._followed = 0
        if self._hurt_at is None:
            self._hurt_at = self._now

    def leap(self) -> None:
        """The stream is entered elsewhere: frames before the key frame there may build on what was left out."""
        self._go_on()
        self._heal()
        self._now = -math.inf
        self._is_entering = True

    def passes(self, at: float, *, is_key: bool, is_corrupt: bool) -> bool:
        """Whether the next frame, shown at that time in seconds, can be shown."""
        has_gap = math.isfinite(self._now) and at - self._now > self._longest_step
        self._now = at
        if is_corrupt:
            if is_key or not self._is_entering:
                self.lose()
            return False
        self._followed += 1
        if is_key:
            self._go_on()
            self._heal()
            self._is_entering = False
            return True
        if self._hurt_at is None and (has_gap or at > self._suspect_from):
            self.lose()
            return False
        if self._followed > FEW_FRAMES:
            self._go_on()
        return self._hurt_at is None or at - self._hurt_at > HEALING_SECONDS

    def _go_on(self) -> None:
        self.is_damaged = self.is_damaged or self._lost > 0
        self._lost = 0

    def _heal(self) -> None:
        self._hurt_at, self._suspect_from = None, math.inf
