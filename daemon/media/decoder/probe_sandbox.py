"""Prints as JSON what a process can still do inside the decoder's sandbox.

A separate program, because a process cannot leave the sandbox. python -m daemon.media.decoder.probe_sandbox FOLDER
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict

from daemon.media.decoder.sandbox.lockdown import enter_sandbox
from daemon.media.decoder.warmup import preload

Attempt = Callable[[bytes], object]


def list_folder(folder: bytes) -> None:
    os.listdir(folder)


def write_file(folder: bytes) -> None:
    file = os.path.join(folder, b".sw-sandbox-trial")
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    os.unlink(file)


def open_connection(_: bytes) -> None:
    socket.create_server(("127.0.0.1", 0)).close()


def start_program(_: bytes) -> None:
    os.waitpid(os.posix_spawn("/bin/echo", ["/bin/echo", "-n"], {}), 0)


ATTEMPTS: dict[str, Attempt] = {
    "list a folder": list_folder,
    "write a file": write_file,
    "open a connection": open_connection,
    "start a program": start_program,
}


def probe(folder: bytes) -> dict[str, object]:
    """The sandbox in effect, and which of ATTEMPTS in the user's `folder` are allowed and refused."""
    preload()
    sandbox = enter_sandbox()
    allowed, refused = [], []
    for name, attempt in ATTEMPTS.items():
        try:
            attempt(folder)
        except PermissionError:
            refused.append(name)
        else:
            allowed.append(name)
    return asdict(sandbox) | {"allowed": allowed, "refused": refused}


if __name__ == "__main__":
    print(json.dumps(probe(os.fsencode(sys.argv[1]))))
