"""Opening files through a real decoder process, and orders for the reader that obeys (`tests.fakes.readers`)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

from daemon.errors import UnreadableError
from daemon.media.clip import Clip, DecodePlan
from daemon.media.decoder import Decoder
from daemon.media.decoder_child import LockIn, Reader, read_clip
from daemon.media.sandbox import lock_in
from storage.records import Fingerprint
from tests.unit.media.reading import plan


@contextmanager
def decoding(read: Reader = read_clip, lock_in: LockIn = lock_in) -> Iterator[Decoder]:
    with closing(Decoder(read=read, lock_in=lock_in)) as decoder:
        yield decoder


def order(tmp_path: Path, word: str) -> Path:
    """A file that makes the obedient reader do as the word says."""
    path = tmp_path / f"{word}.jpg"
    path.write_text(f"{word} ")
    return path


def opened(decoder: Decoder, path: Path, how: DecodePlan | None = None) -> Clip:
    return decoder.open(os.fsencode(path), Fingerprint.of(path.lstat()), how or plan())


def told(decoder: Decoder, path: Path) -> str:
    """What the reader says of itself, of the file, or of what it can do."""
    with pytest.raises(UnreadableError) as refused:
        opened(decoder, path)
    return str(refused.value)


def pid_of(decoder: Decoder, tmp_path: Path) -> int:
    return int(told(decoder, order(tmp_path, "self")).split()[0])


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
