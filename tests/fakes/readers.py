"""Stands in for what the decoder process does with a file: behaves as the file's first word says."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from pathlib import Path

import numpy as np

from daemon.errors import TooLargeError, UnreadableError
from daemon.media.clip import Clip, DecodePlan
from daemon.media.decoder_child import read_clip
from storage.records import Media, MediaKind


def obedient(fd: int, plan: DecodePlan) -> Clip:
    """A file of none of these words is read as ever."""
    match os.pread(fd, 16, 0).split(b" ")[0]:
        case b"crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case b"killed":
            os.kill(os.getpid(), signal.SIGKILL)
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
        case b"lie":
            return lying(plan)
        case b"self":
            raise UnreadableError(about_me())
    return read_clip(fd, plan)


def lying(plan: DecodePlan) -> Clip:
    """A picture that is larger than was asked for."""
    media = Media(kind=MediaKind.IMAGE, format="png", width=9, height=9)
    return Clip(media=media, pictures=(np.zeros((plan.image_edge + 1, 4, 3), np.uint8),), timestamps=())


def about_me() -> str:
    """The process that reads: its id, core limit, what lies in its folder, and the large libraries it has loaded."""
    try:
        found = [entry.name for entry in Path().iterdir()]
    except FileNotFoundError:
        found = []
    heavy = sorted({"torch", "transformers", "sqlalchemy"} & set(sys.modules))
    return f"{os.getpid()} core={resource.getrlimit(resource.RLIMIT_CORE)} files={found} heavy={heavy}"
