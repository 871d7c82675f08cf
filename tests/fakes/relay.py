"""A relay between a program and its database server: it can drop what is sent, as a dead network does."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(eq=False)
class Line:
    """One connection, both of its halves. What it swallows is lost, and so is that one side hung up."""

    near: socket.socket
    far: socket.socket
    swallows: set[socket.socket] = field(default_factory=set)


class Relay:
    """Listens in `folder`, where libpq looks for a server's socket, and passes all on to `server`."""

    def __init__(self, folder: Path, server: Path) -> None:
        self._server = server
        self._lines: list[Line] = []
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / server.name))
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def fall_silent(self) -> None:
        """On all lines that are open now, for ever; new ones are well."""
        for line in self._lines:
            line.swallows = {line.near, line.far}

    def swallow_answers(self) -> None:
        """For the connections that are open now: the server receives everything, and its answers are dropped."""
        for line in self._lines:
            line.swallows = {line.far}

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for line in self._lines:
            line.near.close()
            line.far.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(str(self._server))
            line = Line(near, far)
            self._lines.append(line)
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(line, source, target), daemon=True).start()

    def _pass_on(self, line: Line, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if source not in line.swallows:
                    target.sendall(data)
            if source not in line.swallows:
                target.shutdown(socket.SHUT_WR)
        except OSError:  # the relay was closed, or the other side hung up first
            return
