"""Reads the packets of a file's tracks in file order, up to its end, despite damage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

#: After more consecutive failed reads, the rest of the file is skipped.
MAX_FAILED_READS = 8


def packets_of(
    container: InputContainer, *streams: VideoStream, on_loss: Callable[[], None] = lambda: None
) -> Iterator[Packet[VideoStream]]:
    """All packets from here on, then an empty one for each stream, which flushes its decoder.

    An unreadable tail counts as the end. `on_loss` is called for any other failed read.
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
        except IndexError:  # PyAV fails at the end if a stream appeared in the middle of a broadcast
            break
    for stream in streams:
        last = cast("Packet[VideoStream]", Packet())
        last.stream = stream
        yield last
