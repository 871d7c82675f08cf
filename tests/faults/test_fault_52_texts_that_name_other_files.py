"""Fault 52: texts that have other files or addresses opened, under a picture's or video's name. Real."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daemon.errors import MediaError, NotAllowedError, UnreadableError
from daemon.media.decoder import decoder as decoder_module
from daemon.media.decoder.decoder import Decoder
from daemon.media.decoder.decoder_child import EnterSandbox
from daemon.media.decoder.sandbox.lockdown import enter_sandbox
from tests.fakes.readers import no_sandbox, scripted
from tests.support.decoders import command_file, decode, decoding, pid_of, reader_message
from tests.support.hostile import hostile_files
from tests.support.media.media_files import grey_frames, save_video
from tests.support.waiting import wait_for

#: With the sandbox, and without: the reading itself must not ask for other files either.
LOCKS = pytest.mark.parametrize("lock", [enter_sandbox, no_sandbox], ids=["locked", "unlocked"])


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server on this machine that would receive the request."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def address_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()
    return f"{host}:{port}"


def open_all(decoder: Decoder, files: list[Path]) -> dict[str, str]:
    """What became of each: a code, or "described"."""
    outcomes = {}
    for path in files:
        try:
            decode(decoder, path)
            outcomes[path.name] = "described"
        except MediaError as error:
            outcomes[path.name] = error.code
    return outcomes


@LOCKS
def test_nothing_is_opened_but_the_file_itself(tmp_path: Path, listener: socket.socket, lock: EnterSandbox) -> None:
    """The secret is a pipe as well: whoever opened it to read would be seen by its other end."""
    secret = tmp_path / "secret.mp4"
    os.mkfifo(secret)
    files = hostile_files(tmp_path, secret, address_of(listener))
    with decoding(enter_sandbox=lock) as decoder:
        outcomes = open_all(decoder, files)
        with pytest.raises(OSError, match="No such device or address"):
            os.open(secret, os.O_WRONLY | os.O_NONBLOCK)  # nobody reads
    with pytest.raises(BlockingIOError):
        listener.accept()
    plain = {name: code for name, code in outcomes.items() if not name.startswith("behind-") and name.endswith("4")}
    assert set(plain.values()) == {NotAllowedError.code}
    assert set(outcomes.values()) <= {NotAllowedError.code, UnreadableError.code, "described"}
    assert {name for name, code in outcomes.items() if code == "described"} <= {"reference.mov", "remote.mov"}


@contextmanager
def traced(pid: int, log: Path) -> Iterator[None]:
    """Every call by which any thread of the process opens, asks, connects or starts something, written down."""
    calls = "trace=open,openat,openat2,creat,stat,lstat,newfstatat,access,readlink,socket,connect,sendto,execve"
    command = ["strace", "-f", "-e", calls, "-o", str(log), "-p", str(pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        if "attached" not in tracer.stderr.readline():
            tracer.kill()
            pytest.skip("strace may not look at other processes here")
        yield
        tracer.send_signal(signal.SIGINT)


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("strace"), reason="strace is not here")
@LOCKS
def test_the_kernel_sees_no_attempt_either(
    tmp_path: Path, listener: socket.socket, lock: EnterSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_module, "FILES_PER_PROCESS", 1000)  # one process reads all, or its trace would end
    secret = save_video(tmp_path / "secret.mp4", grey_frames(4))
    files = hostile_files(tmp_path, secret, address_of(listener))
    log = tmp_path / "trace"
    with decoding(scripted, lock) as decoder:
        pid = pid_of(decoder, tmp_path)
        with traced(pid, log):
            open_all(decoder, files)
            reader_message(decoder, command_file(tmp_path, "escape"))  # shows that the trace sees what there is to see
            wait_for(lambda: "/etc/hostname" in log.read_text())
    # Threads of a decoder come and go.
    seen = [line for line in log.read_text().splitlines() if "SIG" not in line and "+++ exited with 0 +++" not in line]
    before = seen[: next(at for at, line in enumerate(seen) if "/etc/hostname" in line)]
    # Its line to the parent is a socket, over which it answers.
    strange = [line for line in before if not re.search(r"\bsendto\(\d+, .*, NULL, 0\)|newfstatat\(\d+, \"\"", line)]
    assert strange == []
