"""Real decoder processes, and control of their scripted reader (`tests.fakes.readers`)."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from daemon.errors import UnreadableError
from daemon.media.clip import Clip, DecodePlan
from daemon.media.decoder.decoder import Decoder
from daemon.media.decoder.decoder_child import EnterSandbox, Reader, read_clip
from daemon.media.decoder.sandbox.lockdown import enter_sandbox
from storage.records import Fingerprint
from tests.support.clips import plan


@contextmanager
def decoding(read: Reader = read_clip, enter_sandbox: EnterSandbox = enter_sandbox) -> Iterator[Decoder]:
    with closing(Decoder(read=read, enter_sandbox=enter_sandbox)) as decoder:
        yield decoder


def command_file(tmp_path: Path, word: str) -> Path:
    """A file that makes the scripted reader do what the word says."""
    path = tmp_path / f"{word}.jpg"
    path.write_text(f"{word} ")
    return path


def decode(decoder: Decoder, path: Path, how: DecodePlan | None = None) -> Clip:
    return decoder.open(os.fsencode(path), Fingerprint.of(path.lstat()), how or plan())


def reader_message(decoder: Decoder, path: Path) -> str:
    """The message of the reader's UnreadableError: about its process, the file, or what it can do."""
    with pytest.raises(UnreadableError) as refused:
        decode(decoder, path)
    return str(refused.value)


def pid_of(decoder: Decoder, tmp_path: Path) -> int:
    return int(reader_message(decoder, command_file(tmp_path, "self")).split()[0])


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class PeakMemory:
    """Samples the peak memory of this process's children continuously: a leaking decoder exits after its reply.

    0 where the system does not report it.
    """

    EVERY_SECONDS = 0.02

    def __init__(self) -> None:
        self._most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._weigh_again_and_again)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def max_bytes(self) -> int:
        """The peak resident bytes of one child since the last call."""
        self._weigh()
        most, self._most = self._most, 0
        for pid in children():
            with suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text("5")  # reset the peak: proc_pid_clear_refs(5)
        return most

    def _weigh_again_and_again(self) -> None:
        while not self._over.wait(self.EVERY_SECONDS):
            self._weigh()

    def _weigh(self) -> None:
        for pid in children():
            with suppress(OSError, IndexError):
                mark = Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]
                self._most = max(self._most, 1024 * int(mark))


def children() -> list[str]:
    """Process IDs, from the kernel: `multiprocessing.active_children` would reap them from this thread."""
    found: list[str] = []
    for task in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):
            found += task.read_text().split()
    return found
