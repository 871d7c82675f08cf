"""Messages between the decoder and its parent arrive complete, or the end of the connection is reported."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from daemon.media.decoder.ipc import MAX_MESSAGE, receive_message, send_message

Line = tuple[socket.socket, socket.socket]


@pytest.fixture
def line() -> Iterator[Line]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_message_arrives_unchanged(line: Line) -> None:
    send_message(line[0], {"seconds": 2.5, "name": "é"})
    assert receive_message(line[1]) == {"seconds": 2.5, "name": "é"}


def test_receiving_from_a_closed_end_is_eof_even_with_unread_data(line: Line) -> None:
    send_message(line[0], {"nobody": "reads this"})
    line[1].close()
    with pytest.raises(EOFError):
        receive_message(line[0])


def test_a_message_that_breaks_off_is_the_end(line: Line) -> None:
    line[1].sendall((9).to_bytes(4, "big") + b"{")
    line[1].close()
    with pytest.raises(EOFError):
        receive_message(line[0])


def test_a_message_that_is_too_long_is_not_believed(line: Line) -> None:
    line[1].sendall((MAX_MESSAGE + 1).to_bytes(4, "big"))
    with pytest.raises(ValueError, match="bytes"):
        receive_message(line[0])
