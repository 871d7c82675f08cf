"""One decoder process as its parent controls it: start, request, timeout, memory limit, kill."""

from __future__ import annotations

import multiprocessing
import signal
import socket
import time
from multiprocessing.connection import wait

import psutil

from daemon.errors import (
    DecoderCrashedError,
    DecoderHungError,
    DecoderMissingError,
    MediaError,
    OutOfMemoryError,
)
from daemon.media.clip import Clip, DecodePlan
from daemon.media.decoder.decoder_child import EnterSandbox, Reader, serve
from daemon.media.decoder.ipc import receive_message, send_descriptor, send_message
from daemon.media.decoder.replies import parse_clip, parse_error
from daemon.media.decoder.rlimits import MEMORY_BYTES
from daemon.media.decoder.sandbox.lockdown import Sandbox

#: Limit for starting Python and loading the codecs, on a busy machine.
START_SECONDS = 60.0
#: How long a process may take to exit on request, before it is killed.
GRACE_SECONDS = 3.0
#: How often the resident memory of a busy process is checked. Where the system enforces RLIMIT_AS, it never exceeds it.
RSS_POLL_SECONDS = 0.5
#: A process that holds this much more than at its start has a memory leak.
LEAK_BYTES = 300 * 1024**2


class DecoderProcess:
    """Starts in the background; `ready` waits for it. `files` counts its requests.

    The constructor raises DecoderMissingError.
    """

    def __init__(self, read: Reader, enter_sandbox: EnterSandbox) -> None:
        self.files = 0
        self._started_at = time.monotonic()
        self._sandbox: Sandbox | None = None
        self._base_rss = 0
        self._socket, child_socket = socket.socketpair()
        self._process = multiprocessing.get_context("spawn").Process(
            target=serve, args=(child_socket, read, enter_sandbox), name="smolwatch-decoder", daemon=True
        )
        with child_socket:
            try:
                self._process.start()
            except OSError as error:
                self._socket.close()
                raise DecoderMissingError(detail=str(error)) from error
        self._psutil_process: psutil.Process | None = None

    @property
    def age(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started_at

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    @property
    def is_leaking(self) -> bool:
        return self._rss() > self._base_rss + LEAK_BYTES

    def ready(self) -> Sandbox:
        """Wait until the process is set up; return its sandbox. Raises DecoderMissingError."""
        if self._sandbox is None:
            try:
                self._sandbox = Sandbox(**receive_message(self._socket, time.monotonic() + START_SECONDS)["sandbox"])
            except TimeoutError as error:
                self.kill()
                raise DecoderMissingError(f"The decoder did not start within {START_SECONDS:.0f} seconds.") from error
            except (EOFError, OSError, ValueError, TypeError, LookupError) as error:
                raise DecoderMissingError(detail=self._exit_status()) from error
            self._base_rss = self._rss()
        return self._sandbox

    def decode(self, fd: int, plan: DecodePlan, seconds: float) -> Clip:
        """Return the file's pictures. Raises MediaError; except for errors of the file, it is dead then."""
        self.ready()
        self.files += 1
        deadline = time.monotonic() + seconds
        try:
            send_message(self._socket, {"plan": vars(plan), "seconds": seconds})
            send_descriptor(self._socket, fd)
            self._wait_for_reply(deadline)
            message = receive_message(self._socket, deadline)
            if "error" not in message:
                return parse_clip(message, self._socket, plan, deadline)
        except TimeoutError as error:
            self.kill()
            raise DecoderHungError(f"Decoding the file took longer than {seconds:.0f} seconds.") from error
        except (EOFError, OSError) as error:
            raise self._exit_error(seconds) from error
        except (ValueError, TypeError, LookupError) as error:
            self.kill()
            raise DecoderCrashedError("The decoder sent an invalid reply for this file.", detail=str(error)) from error
        except BaseException:
            self.kill()  # interrupted in the middle of a reply, the socket cannot be used again
            raise
        raise parse_error(message)

    def close(self) -> None:
        """Disconnect, upon which the process exits."""
        self._socket.close()
        if self._process.is_alive():
            self._process.join(GRACE_SECONDS)
        self.kill()

    def kill(self) -> None:
        """SIGTERM, then SIGKILL if the process does not exit."""
        self._socket.close()
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(GRACE_SECONDS)
        if self._process.is_alive():
            self._process.kill()
        self._process.join()

    def _wait_for_reply(self, deadline: float) -> None:
        """Wait until a reply begins. Raises TimeoutError past `deadline`, OutOfMemoryError over the memory limit."""
        while not wait([self._socket], min(RSS_POLL_SECONDS, max(deadline - time.monotonic(), 0))):
            if time.monotonic() >= deadline:
                raise TimeoutError
            if self._rss() > self._base_rss + MEMORY_BYTES:
                raise OutOfMemoryError("Decoding the file needs more memory than the limit for one file.")

    def _rss(self) -> int:
        """Resident bytes; 0 after it exited."""
        try:
            self._psutil_process = self._psutil_process or psutil.Process(self._process.pid)
            return int(self._psutil_process.memory_info().rss)
        except psutil.Error:
            return 0

    def _exit_error(self, seconds: float) -> MediaError:
        """The error for how the process ended. Reaps the process."""
        status = self._exit_status()
        if self._process.exitcode == -signal.SIGKILL:
            message = "The decoder was killed while decoding the file, probably because memory ran out."
            return OutOfMemoryError(message, detail=status)
        if self._process.exitcode == -signal.SIGXCPU:
            return DecoderHungError(f"Decoding the file used the processor for more than {seconds:.0f} seconds.")
        return DecoderCrashedError("The decoder crashed on this file.", detail=status)

    def _exit_status(self) -> str:
        self._process.join(GRACE_SECONDS)
        code = self._process.exitcode
        self.kill()
        if code is None:
            return "it closed the connection"
        return f"signal {-code}, {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
