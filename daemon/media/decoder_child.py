"""The decoder process: opens one file after the other for its parent, and may be killed at any moment.

Pillow and PyAV are imported here alone, when the first file needs them; torch never is.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import resource
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from config.text import safe_text
from daemon.errors import ChangedError, MediaError, NotAllowedError, UnreadableError
from daemon.media.clip import Clip, DecodePlan
from daemon.media.kinds import HEAD_BYTES, sniff
from daemon.media.opening import open_checked
from daemon.media.wire import hear, say
from storage.records import Fingerprint, MediaKind

Reader = Callable[[int, DecodePlan], Clip]
PR_SET_PDEATHSIG = 1


def read_clip(fd: int, plan: DecodePlan) -> Clip:
    """The file's pictures, whatever it is called. Raises MediaError."""
    format = sniff(os.pread(fd, HEAD_BYTES, 0))
    if format is None:
        raise NotAllowedError("Not a picture or video that smolwatch knows.")
    if format.kind is MediaKind.IMAGE:
        from daemon.media.images import read_image

        return read_image(fd, plan)
    from daemon.media.videos import read_video

    return read_video(fd, plan)


def serve(line: socket.socket, read: Reader) -> None:
    """The process's whole life: requests in, clips or refusals out, until the parent hangs up."""
    confine()
    while True:
        try:
            request = hear(line)
        except EOFError:
            return
        answer(line, request, read)


def answer(line: socket.socket, request: dict[str, Any], read: Reader) -> None:
    try:
        clip = open_clip(request, read)
    except MediaError as error:
        say(line, {"error": error.code, "message": str(error), "advice": error.advice})
        return
    say(
        line,
        {
            "media": asdict(clip.media),
            "timestamps": clip.timestamps,
            "shapes": [picture.shape for picture in clip.pictures],
        },
    )
    for picture in clip.pictures:
        line.sendall(picture.tobytes())


def open_clip(request: dict[str, Any], read: Reader) -> Clip:
    """Open, read, and look again: a file that was written to meanwhile is neither described nor blamed."""
    plan, expected = DecodePlan(**request["plan"]), Fingerprint(**request["expected"])
    fd = open_checked(bytes.fromhex(request["path"]), max_bytes=plan.max_bytes, expected=expected)
    try:
        clip, failure = attempt(read, fd, plan)
        if Fingerprint.of(os.fstat(fd)) != expected:
            raise ChangedError("The file changed while it was opened.")
    finally:
        os.close(fd)
    if clip is None:
        raise failure
    return clip


def attempt(read: Reader, fd: int, plan: DecodePlan) -> tuple[Clip | None, MediaError]:
    failure: MediaError = UnreadableError()
    try:
        return read(fd, plan), failure
    except MediaError as error:
        failure = error
    except Exception as error:  # whatever a reader lets out costs this file alone
        failure = UnreadableError(f"The file cannot be decoded ({safe_text(f'{type(error).__name__}: {error}')}).")
    return None, failure


def confine() -> None:
    """Little to do harm with: no core dump, no folder to find files in, no life without the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides what ends
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    folder = Path(tempfile.mkdtemp(prefix="smolwatch-"))
    os.chdir(folder)
    folder.rmdir()  # a removed folder is empty for ever, and needs no clearing up
    parent = multiprocessing.parent_process()
    if parent is not None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        threading.Thread(target=leave_with, args=(parent,), daemon=True).start()


def leave_with(parent: BaseProcess) -> None:
    """PR_SET_PDEATHSIG for every system: also in the middle of a file."""
    parent.join()
    os._exit(0)
