"""What the decoder process and its parent say to each other: JSON with its length, bytes of agreed length, descriptors.

Nothing is unpickled: a decoder that a hostile file has taken over can only lie about pixels.
"""

from __future__ import annotations

import json
import math
import socket
import time
from typing import Any

#: Longer messages are not believed; paths, plans and lists of timestamps are far shorter.
MAX_MESSAGE = 1 << 20
NEVER = math.inf


def say(line: socket.socket, message: dict[str, Any]) -> None:
    content = json.dumps(message).encode()
    line.settimeout(None)
    line.sendall(len(content).to_bytes(4, "big") + content)


def hear(line: socket.socket, deadline: float = NEVER) -> dict[str, Any]:
    """The next message. Raises as `receive` does, and ValueError when it is none."""
    size = int.from_bytes(receive(line, 4, deadline), "big")
    if size > MAX_MESSAGE:
        raise ValueError(f"a message of {size} bytes")
    message = json.loads(receive(line, size, deadline))
    if not isinstance(message, dict):
        raise ValueError("a message that is no object")
    return message


def give_descriptor(line: socket.socket, fd: int) -> None:
    """Hand over what is open, so that the other side need not be able to open anything."""
    line.settimeout(None)
    socket.send_fds(line, [b"\0"], [fd])


def take_descriptor(line: socket.socket) -> int:
    """The descriptor that comes next, for the caller to close. Raises EOFError when none does."""
    _, descriptors, _, _ = socket.recv_fds(line, 1, 1)
    if not descriptors:
        raise EOFError
    return descriptors[0]


def receive(line: socket.socket, size: int, deadline: float = NEVER) -> bytearray:
    """Exactly `size` bytes. Raises EOFError when the other side is gone, TimeoutError past `deadline` (monotonic)."""
    content = bytearray(size)
    rest = memoryview(content)
    while rest:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        line.settimeout(None if deadline == NEVER else left)
        try:
            got = line.recv_into(rest)
        except ConnectionResetError:  # it left without having heard all that was said to it
            got = 0
        if got == 0:
            raise EOFError
        rest = rest[got:]
    return content
