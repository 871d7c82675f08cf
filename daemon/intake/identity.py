"""Who a file is: its kind by content and the digest of all its bytes, read from one checked descriptor."""

from __future__ import annotations

import hashlib
import os

from daemon.errors import ChangedError, NotAllowedError
from daemon.media.kinds import HEAD_BYTES, sniff
from daemon.media.opening import open_checked
from storage.records import Fingerprint, NewFile

CHUNK_BYTES = 1024 * 1024


def identify(path: bytes, settled: Fingerprint, *, max_bytes: int) -> NewFile:
    """Raises MediaError: not a known kind, not readable, or no longer the bytes that had settled."""
    descriptor = open_checked(path, max_bytes=max_bytes, expected=settled)
    try:
        known = sniff(os.pread(descriptor, HEAD_BYTES, 0))
        if known is None:
            raise NotAllowedError("Not a picture or video that smolwatch knows.")
        digest = digest_of(descriptor)
        if Fingerprint.of(os.fstat(descriptor)) != settled:
            raise ChangedError("The file changed while it was read.")
    finally:
        os.close(descriptor)
    return NewFile(path=path, fingerprint=settled, digest=digest, kind=known.kind, format=known.name)


def digest_of(descriptor: int) -> str:
    """ "blake2b:<hex>" over the whole file; reads by position, so the descriptor's own place does not matter."""
    digest = hashlib.blake2b(digest_size=32)
    place = 0
    while chunk := os.pread(descriptor, CHUNK_BYTES, place):
        digest.update(chunk)
        place += len(chunk)
    return f"blake2b:{digest.hexdigest()}"
