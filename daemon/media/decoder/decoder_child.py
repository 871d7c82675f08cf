"""The decoder process: decodes one file after another for its parent, which may kill it at any moment.

It loads its codecs (never torch), enters the sandbox, then decodes the descriptors that it receives.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import asdict

from config.safe_text import safe_text
from daemon.errors import DecoderBrokenError, MediaError, NotDownloadedError, OutOfMemoryError, UnreadableError
from daemon.media.clip import Clip, DecodePlan
from daemon.media.dataless import forbid_downloads, is_dataless_error
from daemon.media.decoder.ipc import receive_descriptor, receive_message, send_message
from daemon.media.decoder.rlimits import bind_to_parent, exit_with_parent, limit_cpu, limit_memory, restrict
from daemon.media.decoder.sandbox.lockdown import Sandbox
from daemon.media.decoder.warmup import preload
from daemon.media.foreign.foreign_files import foreign_error
from daemon.media.sniff import HEAD_BYTES, sniff
from storage.records import MediaKind

Reader = Callable[[int, DecodePlan], Clip]
EnterSandbox = Callable[[], Sandbox]


def read_clip(fd: int, plan: DecodePlan) -> Clip:
    """Decode by content; the file's name does not matter. Raises MediaError."""
    # Imported here because the parent also imports this module and needs no codecs.
    from daemon.media.images import read_image
    from daemon.media.video.videos import read_video

    head = os.pread(fd, HEAD_BYTES, 0)
    format = sniff(head)
    if format is None:
        raise foreign_error(head)
    return read_image(fd, plan) if format.kind is MediaKind.IMAGE else read_video(fd, plan)


def serve(connection: socket.socket, read: Reader, enter_sandbox: EnterSandbox) -> None:
    """Main loop of the process: receives descriptors, replies with clips or errors, until the parent disconnects."""
    bind_to_parent()
    preload()
    restrict()
    limit_memory()
    forbid_downloads()
    sandbox = enter_sandbox()
    exit_with_parent()
    send_message(connection, {"sandbox": asdict(sandbox)})
    while True:
        try:
            request = receive_message(connection)
            fd = receive_descriptor(connection)
        except EOFError:
            os._exit(0)  # nothing to clean up
        try:
            limit_cpu(request["seconds"])
            reply(connection, fd, DecodePlan(**request["plan"]), read)
        finally:
            os.close(fd)


def reply(connection: socket.socket, fd: int, plan: DecodePlan, read: Reader) -> None:
    try:
        clip = call_reader(read, fd, plan)
    except MediaError as error:
        send_message(
            connection, {"error": error.code, "message": str(error), "advice": error.advice, "detail": error.detail}
        )
        return
    send_message(
        connection,
        {
            "media": asdict(clip.media),
            "timestamps": clip.timestamps,
            "shapes": [picture.shape for picture in clip.pictures],
            "defects": clip.defects,
        },
    )
    for picture in clip.pictures:
        connection.sendall(picture.tobytes())


def call_reader(read: Reader, fd: int, plan: DecodePlan) -> Clip:
    """Convert every exception of the reader into a MediaError, so that it costs this file only."""
    try:
        return read(fd, plan)
    except Exception as error:
        media_error = as_media_error(error)
        if media_error is error:
            raise
        raise media_error from error


def as_media_error(error: Exception) -> MediaError:
    """The MediaError for a reader's exception."""
    if is_dataless_error(error):  # checked first: libraries report it as a damaged file
        return NotDownloadedError(detail=error_detail(error))
    if isinstance(error, MediaError):
        return error
    if isinstance(error, MemoryError):
        return OutOfMemoryError("The file needs more memory than is available.")
    # In the sandbox no module can be loaded and no file opened: `preload` misses a module, or the disk does.
    if isinstance(error, (ImportError, PermissionError)):
        return DecoderBrokenError(detail=error_detail(error))
    return UnreadableError("The file is damaged or incomplete.", detail=error_detail(error))


def error_detail(error: Exception) -> str:
    """The library's own message, for logs and programs."""
    return safe_text(f"{type(error).__name__}: {error}")
