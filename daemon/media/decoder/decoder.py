"""Decodes files in a separate process, so that a crash or hang of a codec costs one file only.

The parent opens and checks the file once; the decoder process gets the descriptor and cannot open anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from daemon.errors import ChangedError, DecoderMissingError, MediaError, NotDownloadedError, OutOfMemoryError
from daemon.media.clip import Clip, DecodePlan
from daemon.media.decoder.decoder_child import EnterSandbox, Reader, read_clip
from daemon.media.decoder.decoder_process import DecoderProcess
from daemon.media.decoder.sandbox.lockdown import Sandbox, enter_sandbox
from daemon.media.safe_open import is_dataless, open_checked
from storage.records import Fingerprint

#: A process is replaced after this many files, so that memory leaks of libraries do not accumulate.
FILES_PER_PROCESS = 50
#: Minimum lifetime of a process: starting one costs as much CPU as a hundred small pictures.
MIN_PROCESS_SECONDS = 30.0
#: The next process is started this many files before the current one retires, so that loading it delays no file.
START_AHEAD_FILES = 10
SECONDS_PER_MEGABYTE = 2.0


class Decoder:
    """The parent side. Not thread-safe; not usable in a daemonic process, because it starts a child.

    On Linux its processes end with the thread that started them, the one that calls `open`.
    The process runs `enter_sandbox` once and `read` for each descriptor; both must be importable by name.
    """

    def __init__(self, *, read: Reader = read_clip, enter_sandbox: EnterSandbox = enter_sandbox) -> None:
        self._read = read
        self._enter_sandbox = enter_sandbox
        self._process: DecoderProcess | None = None
        self._next: DecoderProcess | None = None
        self._retire_after = 0

    def open(self, path: bytes, expected: Fingerprint, plan: DecodePlan) -> Clip:
        """Return the file's pictures, if the file still matches `expected`.

        Raises MediaError: an error of the file (see daemon/errors.py), DecoderCrashedError, DecoderHungError after
        `plan.seconds` plus two seconds per megabyte (at most twice `plan.seconds`), or OutOfMemoryError if a retry
        with `plan.smaller()` failed too. After these the next call uses a new process.
        """
        seconds = plan.seconds + min(SECONDS_PER_MEGABYTE * expected.size / 1e6, plan.seconds)
        with open_unchanged(path, expected, plan.max_bytes) as fd:
            try:
                return self._decode(fd, plan, seconds)
            except OutOfMemoryError:
                return self._decode(fd, plan.smaller(), seconds)

    def sandbox(self) -> Sandbox:
        """The sandbox of the decoder process, which is started if necessary. Raises DecoderMissingError."""
        return self._ready_process().ready()

    def close(self) -> None:
        """End the processes. The next `open` starts new ones."""
        for process in (self._process, self._next):
            if process is not None:
                process.close()
        self._process = self._next = None

    def _decode(self, fd: int, plan: DecodePlan, seconds: float) -> Clip:
        process = self._ready_process()
        try:
            return process.decode(fd, plan, seconds)
        finally:
            self._recycle(process)

    def _ready_process(self) -> DecoderProcess:
        """A process that is set up. Retries once if a process ended or froze while starting."""
        process = self._live_process()
        try:
            process.ready()
        except DecoderMissingError:
            process = self._live_process()
            process.ready()
        return process

    def _live_process(self) -> DecoderProcess:
        if self._process is not None and not self._process.is_alive:
            self._process.kill()
            self._process = None
        if self._process is None:
            self._process, self._next = self._next or self._start_process(), None
        return self._process

    def _recycle(self, process: DecoderProcess) -> None:
        """Start the next process ahead of time; close one that is dead, retired, or leaks memory."""
        is_old = process.files >= FILES_PER_PROCESS - START_AHEAD_FILES and process.age >= MIN_PROCESS_SECONDS
        if self._next is None and is_old:
            with suppress(DecoderMissingError):  # retried after the next file
                self._next = self._start_process()
                self._retire_after = process.files + START_AHEAD_FILES
        is_retired = self._next is not None and process.files >= self._retire_after
        if not process.is_alive or is_retired or process.is_leaking:
            process.close()
            self._process = None

    def _start_process(self) -> DecoderProcess:
        return DecoderProcess(self._read, self._enter_sandbox)


@contextmanager
def open_unchanged(path: bytes, expected: Fingerprint, max_bytes: int) -> Iterator[int]:
    """The file's descriptor. Raises ChangedError if the file was written to meanwhile, in place of a MediaError."""
    fd = open_checked(path, max_bytes=max_bytes, expected=expected)
    try:
        try:
            yield fd
        except MediaError as error:
            check_unchanged(fd, expected)
            if is_dataless(os.fstat(fd)):  # evicted to the cloud meanwhile; libraries report damage instead
                raise NotDownloadedError from error
            raise
        check_unchanged(fd, expected)
    finally:
        os.close(fd)


def check_unchanged(fd: int, expected: Fingerprint) -> None:
    if Fingerprint.of(os.fstat(fd)) != expected:
        raise ChangedError("The file changed while it was being read.")
