"""One decoder process, seen from its parent: started, asked, timed, weighed, and killed when it must be."""

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
from daemon.media.decoder.decoder_child import LockIn, Reader, serve
from daemon.media.decoder.ipc import give_descriptor, hear, say
from daemon.media.decoder.replies import clip_from, refusal_from
from daemon.media.decoder.rlimits import MEMORY_BYTES
from daemon.media.decoder.sandbox.lockdown import Sandbox

#: For the system to start Python and load the codecs, on a machine that is busy with other things.
START_SECONDS = 60.0
#: How long a process has to go when asked to, before it is killed.
GRACE_SECONDS = 3.0
#: How often a process that is at work is weighed. Where the system holds memory limits, it is never found too heavy.
WEIGH_SECONDS = 0.5
#: A process that keeps so much more than at its start has a leak in it.
LEAK_BYTES = 300 * 1024**2


class DecoderProcess:
    """Starts at once and in the background; `ready` waits for it. `files` counts what it was asked.

    Making one raises DecoderMissingError.
    """

    def __init__(self, read: Reader, lock_in: LockIn) -> None:
        self.files = 0
        self._since = time.monotonic()
        self._sandbox: Sandbox | None = None
        self._light = 0
        self._line, theirs = socket.socketpair()
        self._process = multiprocessing.get_context("spawn").Process(
            target=serve, args=(theirs, read, lock_in), name="smolwatch-decoder", daemon=True
        )
        with theirs:
            try:
                self._process.start()
            except OSError as error:
                self._line.close()
                raise DecoderMissingError(detail=str(error)) from error
        self._weighed: psutil.Process | None = None

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._since

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    @property
    def leaks(self) -> bool:
        return self._weight() > self._light + LEAK_BYTES

    def ready(self) -> Sandbox:
        """What keeps the process in, once it is set up. Raises DecoderMissingError."""
        if self._sandbox is None:
            try:
                self._sandbox = Sandbox(**hear(self._line, time.monotonic() + START_SECONDS)["sandbox"])
            except TimeoutError as error:
                self.kill()
                raise DecoderMissingError(f"The decoder did not start within {START_SECONDS:.0f} seconds.") from error
            except (EOFError, OSError, ValueError, TypeError, LookupError) as error:
                raise DecoderMissingError(detail=self._last_words()) from error
            self._light = self._weight()
        return self._sandbox

    def ask(self, fd: int, plan: DecodePlan, seconds: float) -> Clip:
        """The file's pictures. Raises MediaError; after all but the file's own the process is no longer alive."""
        self.ready()
        self.files += 1
        deadline = time.monotonic() + seconds
        try:
            say(self._line, {"plan": vars(plan), "seconds": seconds})
            give_descriptor(self._line, fd)
            self._watch(deadline)
            message = hear(self._line, deadline)
            if "error" not in message:
                return clip_from(message, self._line, plan, deadline)
        except TimeoutError as error:
            self.kill()
            raise DecoderHungError(f"Opening the file took longer than {seconds:.0f} seconds.") from error
        except (EOFError, OSError) as error:
            raise self._death(seconds) from error
        except (ValueError, TypeError, LookupError) as error:
            self.kill()
            raise DecoderCrashedError(
                "Opening the file made the decoder answer nonsense.", detail=str(error)
            ) from error
        except BaseException:
            self.kill()  # cut off in the middle of an answer, the line cannot be used again
            raise
        raise refusal_from(message)

    def close(self) -> None:
        """Let the process go, which it does when it hears that nobody is there."""
        self._line.close()
        if self._process.is_alive():
            self._process.join(GRACE_SECONDS)
        self.kill()

    def kill(self) -> None:
        """SIGTERM, and SIGKILL to one that does not go."""
        self._line.close()
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(GRACE_SECONDS)
        if self._process.is_alive():
            self._process.kill()
        self._process.join()

    def _watch(self, deadline: float) -> None:
        """Until an answer begins. Raises TimeoutError past `deadline`, OutOfMemoryError when it takes too much."""
        while not wait([self._line], min(WEIGH_SECONDS, max(deadline - time.monotonic(), 0))):
            if time.monotonic() >= deadline:
                raise TimeoutError
            if self._weight() > self._light + MEMORY_BYTES:
                raise OutOfMemoryError("Opening the file takes more memory than a file may.")

    def _weight(self) -> int:
        """Resident bytes; none when it is gone."""
        try:
            self._weighed = self._weighed or psutil.Process(self._process.pid)
            return int(self._weighed.memory_info().rss)
        except psutil.Error:
            return 0

    def _death(self, seconds: float) -> MediaError:
        """What it died of. It is gone afterwards."""
        words = self._last_words()
        if self._process.exitcode == -signal.SIGKILL:
            said = "The decoder was killed while it opened the file, probably because memory ran out."
            return OutOfMemoryError(said, detail=words)
        if self._process.exitcode == -signal.SIGXCPU:
            return DecoderHungError(f"Opening the file kept the processor busy for more than {seconds:.0f} seconds.")
        return DecoderCrashedError("Opening the file made the decoder crash.", detail=words)

    def _last_words(self) -> str:
        self._process.join(GRACE_SECONDS)
        code = self._process.exitcode
        self.kill()
        if code is None:
            return "it hung up"
        return f"signal {-code}, {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
