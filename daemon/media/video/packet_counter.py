"""Counts a video's packets: the number of displayed frames, and their total duration."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import cast

from av.container import InputContainer
from av.format import Flags
from av.packet import Packet
from av.video.stream import VideoStream

from daemon.media.video.packets import packets_of

Check = Callable[[], None]

#: Longer durations are rejected as invalid.
MAX_SECONDS = 86_400.0
#: A stated duration is accepted if it differs from the estimate by at most this factor.
ESTIMATE_TOLERANCE = 1.5
#: Relative difference up to which two rates count as equal; a few frames may be missing.
RATE_TOLERANCE = 0.02
#: The clock of a broadcast may restart. It did if it goes back, or forward by more than any pause.
JUMP_SECONDS, BACK_SECONDS = 60.0, 0.1
#: show_frame bit in the first byte of a VP8 frame (RFC 6386, 9.1).
VP8_SHOW_FRAME = 0x10


class JoinedClock:
    """A monotonic clock for a stream whose own clock may restart, if its container format allows that.

    `jumps`: the stream's clock restarted or went back. `offset`: seconds by which the joined clock is ahead now.
    """

    def __init__(self, container: InputContainer, step: float) -> None:
        self.joins = bool(container.format.flags & cast(int, Flags.ts_discont.value))
        self.jumps = False
        self._step = step
        self._last: float | None = None
        self.offset = 0.0

    def read(self, raw: float) -> float:
        """Converts `raw` seconds of the stream's clock. Call it in stream order."""
        elapsed = 0.0 if self._last is None else raw - self._last
        if self._last is not None and self.joins and not -BACK_SECONDS <= elapsed <= JUMP_SECONDS:
            self.offset += self._last + self._step - raw
            self.jumps = True
        self.jumps |= elapsed < -BACK_SECONDS
        self._last = raw
        return raw + self.offset

    def reset_after_seek(self) -> None:
        """The next reading is from another position in the file."""
        self._last = None


class PacketCounter:
    """Counts the displayed frames whose packets are read, and their duration.

    `first`: start of the first frame, in seconds of the stream's joined clock.
    """

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._container = container
        self._stream = stream
        self._tick = float(stream.time_base or 0)
        self._average_rate = float(stream.average_rate or 0)
        self._guessed_rate = float(stream.guessed_rate or 0)
        self._is_vp8 = stream.codec_context.name == "vp8"
        self._position = 0
        self._previous_dts: int | None = None
        self._gaps: Counter[int] = Counter()
        self._last, self._last_duration = float("-inf"), 0.0
        self.step = 1 / (self._average_rate or self._guessed_rate or 25)
        self.clock = JoinedClock(container, self.step)
        self.packets = 0
        self.first = float("inf")

    def read_packets(self, check: Check, until: float) -> bool:
        """Read up to the end of the file, or to where it is truncated; False if `until` came first."""
        for packet in packets_of(self._container, self._stream):
            check()
            if packet.size and not packet.is_discard and not self._is_hidden(packet):
                self._add(packet)
            if time.monotonic() > until:
                return False
        return True

    def _is_hidden(self, packet: Packet[VideoStream]) -> bool:
        return self._is_vp8 and not memoryview(packet)[0] & VP8_SHOW_FRAME

    def _add(self, packet: Packet[VideoStream]) -> None:
        self.packets += 1
        self._position = max(self._position, packet.pos or 0)
        if packet.dts is not None:  # DTS are in file order, unlike PTS
            if self._previous_dts is not None:
                self._gaps[packet.dts - self._previous_dts] += 1
            self._previous_dts = packet.dts
            self.clock.read(packet.dts * self._tick)
        timestamp = packet.dts if packet.pts is None else packet.pts
        if timestamp is None:
            return
        at = timestamp * self._tick + self.clock.offset
        self.first = min(self.first, at)
        if at >= self._last:
            self._last, self._last_duration = at, (packet.duration or 0) * self._tick

    @property
    def end(self) -> float:
        """End of the last frame. Without a stored duration, it gets the most frequent frame duration."""
        if self._last_duration and not self.clock.joins:
            return self._last + self._last_duration
        ((gap, _),) = self._gaps.most_common(1) or [(0, 0)]
        return self._last + (gap * self._tick if gap > 0 else self.step)

    @property
    def seconds(self) -> float:
        return self.end - self.first

    def rate(self) -> float:
        """Frames per second: the steady rate, if at most a few frames are missing, else the average."""
        steady, seconds = steady_rate(self._stream), self.seconds
        if not 0 < seconds <= MAX_SECONDS:
            return 1 / self.step
        if self._counts_fields:
            return self._average_rate
        if steady is not None and (self._matches(steady) or rates_match(steady, self.packets / seconds)):
            return steady
        return self.packets / seconds

    def frames(self) -> int:
        """Number of frames, including the few that are missing from a steady rate."""
        if not 0 < self.seconds <= MAX_SECONDS or self._matches(self.rate()):
            return self.packets
        return max(round(self.seconds * self.rate()), 1)

    def _matches(self, rate: float) -> bool:
        return lengths_match(self.packets / rate, self.seconds, rate)

    @property
    def _counts_fields(self) -> bool:
        """Whether a packet is one field, half a frame, as in broadcasts of interlaced H.264."""
        interlaced = self.clock.joins and rates_match(self._guessed_rate, 2 * self._average_rate)
        return interlaced and rates_match(self._guessed_rate, self.packets / self.seconds)

    def estimate(self, stated: float, size: int) -> float:
        """Duration of a partly read file of `size` bytes: the stated one, if it fits the bytes read so far.

        Some containers state the duration, others the end on a clock that did not start at 0.
        """
        share = self._position / size
        if not (0 < share <= 1 and self.seconds > 0):
            return stated
        estimate = self.seconds / share
        nearest = min((stated, stated - self.first), key=lambda seconds: abs(seconds - estimate))
        return nearest if estimate / ESTIMATE_TOLERANCE <= nearest <= estimate * ESTIMATE_TOLERANCE else estimate


def steady_rate(stream: VideoStream) -> float | None:
    """Frames per second, if the average and the guessed rate agree."""
    average, guessed = float(stream.average_rate or 0), float(stream.guessed_rate or 0)
    return average if rates_match(average, guessed) else None


def rates_match(rate: float, other: float) -> bool:
    return rate > 0 and abs(rate - other) <= RATE_TOLERANCE * rate


def lengths_match(seconds: float, others: float, rate: float) -> bool:
    """Whether two durations are equal, apart from the last frame's duration and rounding."""
    return abs(seconds - others) <= 1.5 / rate + 0.002 * others
