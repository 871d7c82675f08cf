"""Opening files in a process of its own, so that a codec's crash or hang costs the one file and nothing else."""

from __future__ import annotations

import multiprocessing
import signal
import socket
import time
from collections.abc import Sequence
from dataclasses import asdict
from multiprocessing.context import SpawnProcess
from typing import Any

import numpy as np

from daemon.errors import (
    ChangedError,
    DecoderCrashedError,
    DecoderHungError,
    GoneError,
    MediaError,
    NoAccessError,
    NotAllowedError,
    NotRegularError,
    TooLargeError,
    UnreadableError,
)
from daemon.media.clip import Clip, DecodePlan, Pixels
from daemon.media.decoder_child import Reader, read_clip, serve
from daemon.media.wire import hear, receive, say
from storage.records import Fingerprint, Media, MediaKind

#: A new process after so many files, so that what a library leaks cannot add up.
FILES_A_PROCESS = 50
SECONDS_A_MEGABYTE = 2.0
#: How long a process has to go when asked to, before it is killed.
GRACE_SECONDS = 3.0

REFUSALS: dict[str, type[MediaError]] = {
    error.code: error
    for error in (
        ChangedError,
        GoneError,
        NoAccessError,
        NotAllowedError,
        NotRegularError,
        TooLargeError,
        UnreadableError,
    )
}


class Decoder:
    """The parent's side. Not for use by two threads at once, nor in a daemonic process (it has a child).

    `read` is what the child does with a descriptor; it must be importable by name.
    """

    def __init__(self, *, read: Reader = read_clip) -> None:
        self._read = read
        self._process: SpawnProcess | None = None
        self._line: socket.socket | None = None
        self._files = 0

    def open(self, path: bytes, expected: Fingerprint, plan: DecodePlan) -> Clip:
        """The file's pictures, if it is still the one that is expected.

        Raises MediaError: the file's own (see daemon/errors.py), DecoderCrashedError, or DecoderHungError after
        `plan.seconds` and two more a megabyte, at most twice `plan.seconds`. The next call has a fresh process then.
        """
        seconds = plan.seconds + min(SECONDS_A_MEGABYTE * expected.size / 1e6, plan.seconds)
        deadline = time.monotonic() + seconds
        try:
            line = self._running()
            say(line, {"path": path.hex(), "expected": asdict(expected), "plan": asdict(plan)})
            message = hear(line, deadline)
            clip = None if "error" in message else clip_from(message, line, plan, deadline)
        except TimeoutError as error:
            self._kill()
            raise DecoderHungError(f"Opening the file took longer than {seconds:.0f} seconds.") from error
        except (EOFError, OSError) as error:
            raise DecoderCrashedError(f"The decoder crashed on the file ({self._last_words()}).") from error
        except (ValueError, TypeError, LookupError) as error:
            self._kill()
            raise DecoderCrashedError(f"The decoder answered nonsense ({error}).") from error
        except BaseException:
            self._kill()  # cut off in the middle of an answer, the line cannot be used again
            raise
        self._count()
        if clip is None:
            raise refusal_from(message)
        return clip

    def close(self) -> None:
        """Let the process go. The next `open` starts another."""
        if self._line is not None:
            self._line.close()  # the process ends by itself when it hears this
        if self._process is not None:
            self._process.join(GRACE_SECONDS)
        self._kill()

    def _running(self) -> socket.socket:
        """The line to a living process, started if need be."""
        if self._line is not None and self._process is not None and self._process.is_alive():
            return self._line
        self._kill()
        ours, theirs = socket.socketpair()
        process = multiprocessing.get_context("spawn").Process(
            target=serve, args=(theirs, self._read), name="smolwatch-decoder", daemon=True
        )
        with theirs:
            self._line, self._process, self._files = ours, process, 0
            process.start()
        return ours

    def _count(self) -> None:
        self._files += 1
        if self._files >= FILES_A_PROCESS:
            self.close()

    def _last_words(self) -> str:
        """How the process ended; it is gone afterwards."""
        process = self._process
        if process is None or process.pid is None:
            self._kill()
            return "it could not be started"
        process.join(GRACE_SECONDS)
        code = process.exitcode
        self._kill()
        if code is None:
            return "it hung up"
        if code == -signal.SIGKILL:
            return "signal 9, killed, probably for want of memory"
        return f"signal {-code}, {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def _kill(self) -> None:
        """SIGTERM, and SIGKILL to one that does not go."""
        process, line, self._process, self._line = self._process, self._line, None, None
        if line is not None:
            line.close()
        if process is None or process.pid is None:
            return
        process.terminate()
        process.join(GRACE_SECONDS)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()


def clip_from(message: dict[str, Any], line: socket.socket, plan: DecodePlan, deadline: float) -> Clip:
    """The clip that was announced, its pixels read from the line. Raises ValueError when it is not what was asked."""
    media = Media(**message["media"] | {"kind": MediaKind(message["media"]["kind"])})
    video = media.kind is MediaKind.VIDEO
    shapes, timestamps = message["shapes"], tuple(float(seconds) for seconds in message["timestamps"])
    edge, most = (plan.frame_edge, plan.max_frames) if video else (plan.image_edge, 1)
    if not 1 <= len(shapes) <= most or len(timestamps) != (len(shapes) if video else 0):
        raise ValueError(f"{len(shapes)} pictures with {len(timestamps)} times")
    pictures = tuple(picture_from(shape, line, edge, deadline) for shape in shapes)
    return Clip(media=media, pictures=pictures, timestamps=timestamps)


def picture_from(shape: Sequence[int], line: socket.socket, edge: int, deadline: float) -> Pixels:
    height, width, channels = (int(size) for size in shape)
    if not (1 <= height <= edge and 1 <= width <= edge and channels == 3):
        raise ValueError(f"a picture of shape {height}×{width}×{channels}")
    content = receive(line, height * width * channels, deadline)
    return np.frombuffer(content, dtype=np.uint8).reshape(height, width, channels)


def refusal_from(message: dict[str, Any]) -> MediaError:
    kind = REFUSALS.get(str(message["error"]), UnreadableError)
    return kind(str(message.get("message", "")), advice=str(message.get("advice", "")))
