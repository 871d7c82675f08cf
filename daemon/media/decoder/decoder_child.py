"""The decoder process: opens one file after the other for its parent, and may be killed at any moment.

It loads its codecs (torch never), gives up whatever else a process may do, and then reads what it is handed.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import asdict

from config.safe_text import safe_text
from daemon.errors import DecoderBrokenError, MediaError, NotDownloadedError, OutOfMemoryError, UnreadableError
from daemon.media.clip import Clip, DecodePlan
from daemon.media.dataless import leave_in_the_cloud, wanted_the_cloud
from daemon.media.decoder.ipc import hear, say, take_descriptor
from daemon.media.decoder.rlimits import allow_seconds, confine, follow_parent, limit_memory, obey_parent_alone
from daemon.media.decoder.sandbox.lockdown import Sandbox
from daemon.media.decoder.warmup import preload
from daemon.media.foreign.foreign_files import foreign_error
from daemon.media.sniff import HEAD_BYTES, sniff
from storage.records import MediaKind

Reader = Callable[[int, DecodePlan], Clip]
LockIn = Callable[[], Sandbox]


def read_clip(fd: int, plan: DecodePlan) -> Clip:
    """The file's pictures, whatever it is called. Raises MediaError."""
    # Not on top: the parent imports this module too, and has no use for codecs.
    from daemon.media.images import read_image
    from daemon.media.video.videos import read_video

    head = os.pread(fd, HEAD_BYTES, 0)
    format = sniff(head)
    if format is None:
        raise foreign_error(head)
    return read_image(fd, plan) if format.kind is MediaKind.IMAGE else read_video(fd, plan)


def serve(line: socket.socket, read: Reader, lock_in: LockIn) -> None:
    """The process's whole life: descriptors in, clips or refusals out, until the parent hangs up."""
    obey_parent_alone()
    preload()
    confine()
    limit_memory()
    leave_in_the_cloud()
    sandbox = lock_in()
    follow_parent()
    say(line, {"sandbox": asdict(sandbox)})
    while True:
        try:
            request = hear(line)
            fd = take_descriptor(line)
        except EOFError:
            os._exit(0)  # there is nothing to tidy up
        try:
            allow_seconds(request["seconds"])
            answer(line, fd, DecodePlan(**request["plan"]), read)
        finally:
            os.close(fd)


def answer(line: socket.socket, fd: int, plan: DecodePlan, read: Reader) -> None:
    try:
        clip = attempt(read, fd, plan)
    except MediaError as error:
        say(line, {"error": error.code, "message": str(error), "advice": error.advice, "detail": error.detail})
        return
    say(
        line,
        {
            "media": asdict(clip.media),
            "timestamps": clip.timestamps,
            "shapes": [picture.shape for picture in clip.pictures],
            "defects": clip.defects,
        },
    )
    for picture in clip.pictures:
        line.sendall(picture.tobytes())


def attempt(read: Reader, fd: int, plan: DecodePlan) -> Clip:
    """Whatever a reader lets out costs this file alone."""
    try:
        return read(fd, plan)
    except Exception as error:
        meant = meaning_of(error)
        if meant is error:
            raise
        raise meant from error


def meaning_of(error: Exception) -> MediaError:
    """What a reader's failure says of the file."""
    if wanted_the_cloud(error):  # first: libraries make a damaged file of it
        return NotDownloadedError(detail=words_of(error))
    if isinstance(error, MediaError):
        return error
    if isinstance(error, MemoryError):
        return OutOfMemoryError("Opening the file takes more memory than there is.")
    # Locked in, nothing can be loaded and no file be opened: `preload` lacks something, or the disk does.
    if isinstance(error, (ImportError, PermissionError)):
        return DecoderBrokenError(detail=words_of(error))
    return UnreadableError("The file is damaged or incomplete.", detail=words_of(error))


def words_of(error: Exception) -> str:
    """What a library said, for programs."""
    return safe_text(f"{type(error).__name__}: {error}")
