"""Which decoded frames are sound, and what of the video was lost. Pure.

A decoder goes on after damage: it marks the frames that it had to guess, but not those which build on them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

#: So long after damage frames that build on it are left out, until the next key frame. A stream that has none for
#: longer is shown again: most of its picture has been drawn anew by then.
RECOVERY_SECONDS = 10.0
#: So few frames mean nothing at a stream's end. The last ones are often torn; and frames come out of a decoder late,
#: some of them behind one that is lost.
MAX_STRAY_FRAMES = 4


class FrameChecks:
    """Watches one pass over a stream. `is_damaged`: something was lost in the middle of it.

    `max_step`: no frame lasts longer, in seconds; what seems to last longer hides lost ones. `on_loss` is called
    for all that is lost, and may raise.
    """

    def __init__(self, max_step: float = math.inf, on_loss: Callable[[], None] = lambda: None) -> None:
        self.is_damaged = False
        self._on_loss = on_loss
        self._max_step = max_step
        self._lost = self._good_frames = 0  # frames
        self._damaged_at: float | None = None
        self._suspect_at = math.inf
        self._last_at = -math.inf
        self._after_seek = False

    @property
    def is_cut_short(self) -> bool:
        """Whether nothing but damage followed from some place on."""
        return self._lost > MAX_STRAY_FRAMES

    def suspect_after(self, at: float) -> None:
        """Something may be missing behind the frame of that time, unless a key frame follows: films are joined so."""
        self._suspect_at = min(self._suspect_at, at)

    def record_loss(self) -> None:
        """Something cannot be read or decoded here."""
        self._on_loss()
        self._lost += 1
        self._good_frames = 0
        if self._damaged_at is None:
            self._damaged_at = self._last_at

    def reset_after_seek(self) -> None:
        """The stream is entered elsewhere: frames before the key frame there may build on what was left out."""
        self._confirm_losses()
        self._recover()
        self._last_at = -math.inf
        self._after_seek = True

    def accepts(self, at: float, *, is_key: bool, is_corrupt: bool) -> bool:
        """Whether the next frame, shown at that time in seconds, can be shown."""
        has_gap = math.isfinite(self._last_at) and at - self._last_at > self._max_step
        self._last_at = at
        if is_corrupt:
            if is_key or not self._after_seek:
                self.record_loss()
            return False
        self._good_frames += 1
        if is_key:
            self._confirm_losses()
            self._recover()
            self._after_seek = False
            return True
        if self._damaged_at is None and (has_gap or at > self._suspect_at):
            self.record_loss()
            return False
        if self._good_frames > MAX_STRAY_FRAMES:
            self._confirm_losses()
        return self._damaged_at is None or at - self._damaged_at > RECOVERY_SECONDS

    def _confirm_losses(self) -> None:
        self.is_damaged = self.is_damaged or self._lost > 0
        self._lost = 0

    def _recover(self) -> None:
        self._damaged_at, self._suspect_at = None, math.inf
