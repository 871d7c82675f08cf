from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import av
import pytest
from av.container import InputContainer
from av.packet import Packet

from daemon.media.video.packets import MAX_FAILED_READS, packets_of
from tests.support.media.media_files import grey_frames
from tests.support.media.track_kinds import save_film

#: A packet of one byte, a read that fails, and PyAV's stumble at the end.
WHOLE, BROKEN, STUMBLE = "whole", "broken", "stumble"


class Scripted:
    """A fake container: the results of its reads, over all calls of `demux`."""

    def __init__(self, *reads: str) -> None:
        self._reads = iter(reads)

    def demux(self, streams: Sequence[object]) -> Iterator[Packet[Any]]:
        for read in self._reads:
            if read == BROKEN:
                raise av.FFmpegError(1, "broken")
            if read == STUMBLE:
                raise IndexError
            yield Packet(b"x")


@pytest.fixture
def film(tmp_path: Path) -> Iterator[InputContainer]:
    with av.open(str(save_film(tmp_path / "a.mp4", grey_frames(4)))) as container:
        yield container


def seen(film: InputContainer, *reads: str) -> tuple[list[int], int]:
    """The packets' sizes, and the number of reported losses."""
    losses: list[None] = []
    packets = packets_of(
        cast(InputContainer, Scripted(*reads)), film.streams.video[0], on_loss=lambda: losses.append(None)
    )
    return [packet.size for packet in packets], len(losses)


def test_unreadable_packets_are_skipped_and_reported(film: InputContainer) -> None:
    assert seen(film, WHOLE, BROKEN, BROKEN, WHOLE, WHOLE) == ([1, 1, 1], 1)


def test_a_torn_tail_is_the_end_and_no_loss(film: InputContainer) -> None:
    assert seen(film, WHOLE, *[BROKEN] * (MAX_FAILED_READS + 5)) == ([1, 0], 0)


def test_streams_that_came_up_on_the_way_are_no_obstacle(film: InputContainer) -> None:
    assert seen(film, WHOLE, WHOLE, STUMBLE) == ([1, 1, 0], 0)


def test_the_packet_at_the_end_has_the_decoder_give_up_the_rest(film: InputContainer) -> None:
    (stream,) = film.streams.video
    stream.codec_context.thread_count = 1
    reads = [packet for packet in film.demux(stream) if packet.size]
    frames = [frame for packet in reads for frame in packet.decode()]
    (last,) = packets_of(cast(InputContainer, Scripted(STUMBLE)), stream)
    assert len(frames) < 4
    assert len(frames) + len(list(last.decode())) == 4
