"""The packets of a file's tracks in their order, to its end, whatever is broken on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

#: Beyond so many reads that fail one after the other, the rest of the file is given up.
MAX_FAILED_READS = 8


def packets_of(
    container: InputContainer, *streams: VideoStream, on_loss: Callable[[], None] = lambda: None
) -> Iterator[Packet[VideoStream]]:
    """All packets from here on, and an empty one for each stream at the end, which makes its decoder give up the rest.

    A torn tail is the end. `on_loss` is called when something else could not be read.
    """
    failed = 0
    while failed <= MAX_FAILED_READS:
        try:
            for packet in container.demux(streams):
                if failed and packet.size:
                    on_loss()
                    failed = 0
                yield packet
            return
        except av.FFmpegError:
            failed += 1
        except IndexError:  # at the end, PyAV stumbles over streams that came up in the middle of a broadcast
            break
    for stream in streams:
        last = cast("Packet[VideoStream]", Packet())
        last.stream = stream
        yield last
