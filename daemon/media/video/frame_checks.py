"""Which decoded frames are intact, and whether parts of the video were lost. Pure.

After damage a decoder continues: it marks the frames that it had to guess, but not the frames that depend on them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

#: After damage, frames are rejected until the next key frame, for at most this long: without a key frame, most of the
#: picture has been refreshed by then.
RECOVERY_SECONDS = 10.0
#: This many lost frames at the end of a stream do not count as damage: the last frames are often incomplete, and a
#: decoder returns some frames late, after a lost one.
MAX_STRAY_FRAMES = 4


class FrameChecks:
    """Checks the frames of one pass over a stream. `is_damaged`: frames were lost in the middle of it.

    `max_step`: the longest frame duration in seconds; a longer gap means lost frames. `on_loss` is called for every
    loss, and may raise.
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
        """Whether everything after some place was damaged."""
        return self._lost > MAX_STRAY_FRAMES

    def suspect_after(self, at: float) -> None:
        """Frames may be missing after that time, unless a key frame follows: that is how videos are joined."""
        self._suspect_at = min(self._suspect_at, at)

    def record_loss(self) -> None:
        """A packet or frame could not be read or decoded."""
        self._on_loss()
        self._lost += 1
        self._good_frames = 0
        if self._damaged_at is None:
            self._damaged_at = self._last_at

    def reset_after_seek(self) -> None:
        """After a seek: frames before the next key frame may depend on frames that were skipped."""
        self._confirm_losses()
        self._recover()
        self._last_at = -math.inf
        self._after_seek = True

    def accepts(self, at: float, *, is_key: bool, is_corrupt: bool) -> bool:
        """Whether the next frame, with timestamp `at` in seconds, is intact."""
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
