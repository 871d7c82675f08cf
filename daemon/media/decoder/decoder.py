"""Opening files in a process of its own, so that a codec's crash or hang costs the one file and nothing else.

The file is opened here, once, and checked; the process is handed the descriptor and can open nothing itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from daemon.errors import ChangedError, DecoderMissingError, MediaError, NotDownloadedError, OutOfMemoryError
from daemon.media.clip import Clip, DecodePlan
from daemon.media.decoder.decoder_child import LockIn, Reader, read_clip
from daemon.media.decoder.decoder_process import DecoderProcess
from daemon.media.decoder.sandbox.lockdown import Sandbox, lock_in
from daemon.media.safe_open import is_elsewhere, open_checked
from storage.records import Fingerprint

#: A new process after so many files, so that what a library leaks cannot add up.
FILES_A_PROCESS = 50
#: But not sooner than after so long: a start takes as much of the processor as a hundred small pictures.
SECONDS_A_PROCESS = 30.0
#: The next one is started when this many files are left to the last, so that nobody waits while it loads.
FILES_AHEAD = 10
SECONDS_A_MEGABYTE = 2.0


class Decoder:
    """The parent's side. Not for use by two threads at once, nor in a daemonic process (it has a child).

    On Linux its processes end with the thread that starts them, which is the one that calls `open`.
    `read` is what a process does with a descriptor, `lock_in` how it locks itself in; both must be importable by name.
    """

    def __init__(self, *, read: Reader = read_clip, lock_in: LockIn = lock_in) -> None:
        self._read = read
        self._lock_in = lock_in
        self._process: DecoderProcess | None = None
        self._next: DecoderProcess | None = None
        self._last_file = 0

    def open(self, path: bytes, expected: Fingerprint, plan: DecodePlan) -> Clip:
        """The file's pictures, if it is still the one that is expected.

        Raises MediaError: the file's own (see daemon/errors.py), DecoderCrashedError, DecoderHungError after
        `plan.seconds` and two more a megabyte, at most twice `plan.seconds`, or OutOfMemoryError when a second try
        with `plan.smaller()` failed as well. The next call has a fresh process then.
        """
        seconds = plan.seconds + min(SECONDS_A_MEGABYTE * expected.size / 1e6, plan.seconds)
        with unchanged(path, expected, plan.max_bytes) as fd:
            try:
                return self._ask(fd, plan, seconds)
            except OutOfMemoryError:
                return self._ask(fd, plan.smaller(), seconds)

    def sandbox(self) -> Sandbox:
        """What keeps the process in that opens the files; starts it if need be. Raises DecoderMissingError."""
        return self._ready().ready()

    def close(self) -> None:
        """Let the processes go. The next `open` starts others."""
        for process in (self._process, self._next):
            if process is not None:
                process.close()
        self._process = self._next = None

    def _ask(self, fd: int, plan: DecodePlan, seconds: float) -> Clip:
        process = self._ready()
        try:
            return process.ask(fd, plan, seconds)
        finally:
            self._renew(process)

    def _ready(self) -> DecoderProcess:
        """One that is set up. What ended or froze a process while it started need not befall the next."""
        process = self._running()
        try:
            process.ready()
        except DecoderMissingError:
            process = self._running()
            process.ready()
        return process

    def _running(self) -> DecoderProcess:
        if self._process is not None and not self._process.alive:
            self._process.kill()
            self._process = None
        if self._process is None:
            self._process, self._next = self._next or self._another(), None
        return self._process

    def _renew(self, process: DecoderProcess) -> None:
        """Start the next process in time, and let one go that is dead, has done its share, or has grown fat."""
        if self._next is None and process.files >= FILES_A_PROCESS - FILES_AHEAD and process.age >= SECONDS_A_PROCESS:
            with suppress(DecoderMissingError):  # asked again after the next file
                self._next = self._another()
                self._last_file = process.files + FILES_AHEAD
        is_used_up = self._next is not None and process.files >= self._last_file
        if not process.alive or is_used_up or process.leaks:
            process.close()
            self._process = None

    def _another(self) -> DecoderProcess:
        return DecoderProcess(self._read, self._lock_in)


@contextmanager
def unchanged(path: bytes, expected: Fingerprint, max_bytes: int) -> Iterator[int]:
    """The file's descriptor. A file that was written to meanwhile is neither described nor blamed: ChangedError."""
    fd = open_checked(path, max_bytes=max_bytes, expected=expected)
    try:
        try:
            yield fd
        except MediaError as error:
            check_unchanged(fd, expected)
            if is_elsewhere(os.fstat(fd)):  # its bytes went to the cloud meanwhile, and no library says so
                raise NotDownloadedError from error
            raise
        check_unchanged(fd, expected)
    finally:
        os.close(fd)


def check_unchanged(fd: int, expected: Fingerprint) -> None:
    if Fingerprint.of(os.fstat(fd)) != expected:
        raise ChangedError("The file changed while it was opened.")
