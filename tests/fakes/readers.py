"""Fake readers of the decoder process: the scripted one does what the first word of the file says."""

from __future__ import annotations

import errno
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np

from daemon.errors import TooLargeError, UnreadableError
from daemon.media.clip import Clip, DecodePlan
from daemon.media.decoder.decoder_child import read_clip
from daemon.media.decoder.sandbox.lockdown import Sandbox, enter_sandbox
from storage.description import Media
from storage.records import MediaKind

#: Memory that "leak" keeps.
kept: list[np.ndarray] = []
#: The modules that were loaded when the process entered the sandbox.
loaded: set[str] = set()


def no_sandbox() -> Sandbox:
    """No sandbox: what a file cannot do now, the reader itself prevents."""
    return Sandbox(kind="none", reason="left open by a test")


def remember_modules() -> Sandbox:
    """Enter the sandbox as usual, for `without_late_imports`."""
    loaded.update(sys.modules)
    return enter_sandbox()


def forget_module() -> Sandbox:
    """As if a module that every video needs had not been loaded, for `without_late_imports`."""
    loaded.update(set(sys.modules) - {"av.video.stream"})
    return enter_sandbox()


def exit_at_start() -> Sandbox:
    """The process ends before it is ready."""
    os._exit(4)


def never_ready() -> Sandbox:
    """The process is never ready."""
    time.sleep(600)
    return no_sandbox()


def without_late_imports(fd: int, plan: DecodePlan) -> Clip:
    """Read as usual; fail as in the sandbox if the file, even a refused one, needed a module that was not loaded."""
    try:
        return read_clip(fd, plan)
    finally:
        if more := set(sys.modules) - loaded:
            raise ImportError(f"loaded late: {sorted(more)}")


def scripted(fd: int, plan: DecodePlan) -> Clip:  # noqa: C901 - one branch a command
    """A file that begins with none of these words is read as usual."""
    match os.pread(fd, 16, 0).split(b" ")[0]:
        case b"crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case b"abort":
            os.abort()
        case b"killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case b"greedy" if not plan.low_memory:
            os.kill(os.getpid(), signal.SIGKILL)  # as the system does when memory runs out
        case b"greedy":
            return black_clip(plan)
        case b"evicted":
            try:
                raise OSError(errno.EDEADLK, os.strerror(errno.EDEADLK))  # as macOS; the library makes this of it:
            except OSError:
                raise UnreadableError("The picture is cut off.")  # noqa: B904 - a context is all there is
        case b"hoard":
            kept.append(np.ones(3 * 1024**3, np.uint8))
        case b"swell":
            while True:
                kept.append(np.ones(10 * 1024**2, np.uint8))
                time.sleep(0.05)
        case b"leak":
            kept.append(np.ones(50 * 1024**2, np.uint8))
            raise UnreadableError(process_report())
        case b"exit":
            os._exit(3)
        case b"hang":
            time.sleep(600)
        case b"deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        case b"raise":
            raise ZeroDivisionError("a reader's own mistake")
        case b"touch":
            os.utime(fd, ns=(0, 0))
            raise TooLargeError("A file that is still being written.")
        case b"import":
            import_module("mailbox")  # a module of Python that nothing else imports
        case b"look-up":
            Path("/etc/localtime").read_bytes()
        case b"lie":
            return oversized_clip(plan)
        case b"self":
            raise UnreadableError(process_report())
        case b"escape":
            raise UnreadableError(allowed_escapes(fd))
    return read_clip(fd, plan)


def black_clip(plan: DecodePlan) -> Clip:
    """A black picture, as large as the plan allows."""
    media = Media(kind=MediaKind.IMAGE, format="png", width=9, height=9)
    return Clip(media=media, pictures=(np.zeros((4, plan.image_edge, 3), np.uint8),), timestamps=())


def oversized_clip(plan: DecodePlan) -> Clip:
    """A picture larger than the plan allows."""
    media = Media(kind=MediaKind.IMAGE, format="png", width=9, height=9)
    return Clip(media=media, pictures=(np.zeros((plan.image_edge + 1, 4, 3), np.uint8),), timestamps=())


def process_report() -> str:
    """The reader's process: its ID, core limit, files in its folder, and the large libraries that it has loaded."""
    try:
        found = [entry.name for entry in Path().iterdir()]
    except (FileNotFoundError, PermissionError):
        found = []
    heavy = sorted({"torch", "transformers", "sqlalchemy"} & set(sys.modules))
    return f"{os.getpid()} core={resource.getrlimit(resource.RLIMIT_CORE)} files={found} heavy={heavy}"


def allowed_escapes(fd: int) -> str:
    """Which actions of a hijacked decoder would succeed: their names, or "none"."""
    attempts: dict[str, Callable[[], object]] = {
        "read": lambda: os.open("/etc/hostname", os.O_RDONLY),
        "list": lambda: os.listdir("/"),
        "write": lambda: os.open("/tmp/smolwatch-escape", os.O_WRONLY | os.O_CREAT),
        "remove": lambda: os.unlink("/tmp/smolwatch-escape"),
        "chmod": lambda: os.fchmod(fd, 0o777),
        "utime": lambda: os.utime(fd, ns=(0, os.fstat(fd).st_mtime_ns)),
        "tcp": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "unix": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
        "exec": lambda: subprocess.run(["/bin/sh", "-c", ":"], cwd="/", check=True),
        "signal": lambda: os.kill(os.getppid(), 0),
        "core": lambda: resource.setrlimit(resource.RLIMIT_CORE, (1, 1)),
    }
    return " ".join(name for name, attempt in attempts.items() if succeeds(attempt)) or "none"


def succeeds(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except (OSError, ValueError, subprocess.SubprocessError):
        return False
    return True
