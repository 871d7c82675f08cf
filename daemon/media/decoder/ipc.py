"""Messages between the decoder process and its parent: length-prefixed JSON, raw bytes of known length, descriptors.

Nothing is unpickled: a decoder that a hostile file has taken over can only send wrong pixels.
"""

from __future__ import annotations

import json
import math
import socket
import time
from typing import Any

#: Longer messages are rejected; plans and lists of timestamps are far shorter.
MAX_MESSAGE = 1 << 20
NEVER = math.inf


def send_message(connection: socket.socket, message: dict[str, Any]) -> None:
    content = json.dumps(message).encode()
    connection.settimeout(None)
    connection.sendall(len(content).to_bytes(4, "big") + content)


def receive_message(connection: socket.socket, deadline: float = NEVER) -> dict[str, Any]:
    """The next message. Raises what `receive_bytes` raises, and ValueError if it is not a JSON object."""
    size = int.from_bytes(receive_bytes(connection, 4, deadline), "big")
    if size > MAX_MESSAGE:
        raise ValueError(f"a message of {size} bytes")
    message = json.loads(receive_bytes(connection, size, deadline))
    if not isinstance(message, dict):
        raise ValueError("a message that is not an object")
    return message


def send_descriptor(connection: socket.socket, fd: int) -> None:
    """Send an open descriptor, so that the other side does not need permission to open files."""
    connection.settimeout(None)
    socket.send_fds(connection, [b"\0"], [fd])


def receive_descriptor(connection: socket.socket) -> int:
    """The next descriptor, which the caller must close. Raises EOFError if there is none."""
    _, descriptors, _, _ = socket.recv_fds(connection, 1, 1)
    if not descriptors:
        raise EOFError
    return descriptors[0]


def receive_bytes(connection: socket.socket, size: int, deadline: float = NEVER) -> bytearray:
    """Exactly `size` bytes. Raises EOFError if the other side has closed, TimeoutError past `deadline` (monotonic)."""
    content = bytearray(size)
    rest = memoryview(content)
    while rest:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(None if deadline == NEVER else left)
        try:
            received = connection.recv_into(rest)
        except ConnectionResetError:  # the other side closed before it read everything
            received = 0
        if received == 0:
            raise EOFError
        rest = rest[received:]
    return content
