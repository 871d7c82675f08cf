"""Image features on disk, one file a tile, the least recently used ones removed. What cannot be read is a miss.

Written without flushes: a file that a loss of power leaves half-written does not match its digest. Several processes
can share the folder.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

#: Changes whenever the format does.
MAGIC = b"smolwatch features 1\n"
DIGEST_BYTES = 16
#: How full the folder may be after files were removed: so that not every new file removes another.
KEPT_SHARE = 0.9


class FeatureFiles:
    """At most `max_bytes` in `folder`; nothing is written while less than `keep_free` is free on its disk.

    `write` is for one thread, `read` for any.
    """

    def __init__(self, folder: Path, *, max_bytes: int, keep_free: int) -> None:
        self._folder, self._max_bytes, self._keep_free = folder, max_bytes, keep_free
        self._bytes: int | None = None  # unknown before the folder was listed

    @property
    def nbytes(self) -> int:
        """The size of all files, as far as it is known; others may have changed it since."""
        return self._bytes or 0

    def read(self, key: str) -> bytes | None:
        """The features under this key, marked as used now; None unless the file is whole."""
        file = self._file(key)
        try:
            content = file.read_bytes()
            os.utime(file)
        except OSError:
            return None
        features = content[len(MAGIC) + DIGEST_BYTES :]
        return features if content.startswith(MAGIC + digest_of(key, features)) else None

    def write(self, key: str, features: bytes) -> None:
        """Write a file whole or not at all, after removing others where there is no room. Raises OSError."""
        content = MAGIC + digest_of(key, features) + features
        file = self._file(key)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._bytes is None:
            self._bytes = sum(size for _, size, _ in self._list())
        if shutil.disk_usage(self._folder).free - len(content) < self._keep_free:
            return
        if self._bytes + len(content) > self._max_bytes:
            self._make_room()
        temporary = file.with_name(f"{secrets.token_hex(8)}.tmp")
        try:
            with open(temporary, "xb", opener=open_private) as opened:
                opened.write(content)
            os.replace(temporary, file)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        self._bytes += len(content)

    def _make_room(self) -> None:
        """Remove the least recently used files, and what is left of interrupted writes."""
        files = sorted(self._list())
        self._bytes = sum(size for _, size, _ in files)
        for _, size, file in files:
            if self._bytes <= KEPT_SHARE * self._max_bytes:
                break
            with suppress(OSError):
                file.unlink()
                self._bytes -= size

    def _list(self) -> Iterator[tuple[int, int, Path]]:
        """Time of the last use, size and path of every file."""
        for file in self._folder.glob("??/*"):
            with suppress(OSError):
                stat = file.lstat()
                yield stat.st_mtime_ns, stat.st_size, file

    def _file(self, key: str) -> Path:
        return self._folder / key[:2] / key


def digest_of(key: str, features: bytes) -> bytes:
    return hashlib.blake2b(features, digest_size=DIGEST_BYTES, key=key.encode()).digest()


def open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
