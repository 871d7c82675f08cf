"""A file's identity: its format by content and the digest of all its bytes, read from one checked descriptor."""

from __future__ import annotations

import hashlib
import os

from daemon.errors import ChangedError
from daemon.media.foreign.foreign_files import foreign_error
from daemon.media.safe_open import open_checked, translate_os_errors
from daemon.media.sniff import HEAD_BYTES, Format, sniff
from storage.records import Fingerprint, NewFile

CHUNK_BYTES = 1024 * 1024


def identify(path: bytes, settled: Fingerprint, *, max_bytes: int) -> NewFile:
    """Raises MediaError: no picture or video, not readable, or changed since it settled.

    Of a file that is neither picture nor video, only the head is read.
    """
    descriptor = open_checked(path, max_bytes=max_bytes, expected=settled)
    try:
        known = format_of(descriptor)
        digest = digest_of(descriptor)
        with translate_os_errors():
            there = Fingerprint.of(os.fstat(descriptor))
        if there != settled:
            raise ChangedError("The file changed while it was read.")
    finally:
        os.close(descriptor)
    return NewFile(path=path, fingerprint=settled, digest=digest, kind=known.kind, format=known.name)


def kind_at(path: bytes, *, max_bytes: int) -> Format:
    """The format of the file at a path. Raises MediaError: no picture or video, or not readable."""
    descriptor = open_checked(path, max_bytes=max_bytes)
    try:
        return format_of(descriptor)
    finally:
        os.close(descriptor)


def format_of(descriptor: int) -> Format:
    """By the first bytes. Raises ForeignError for other files, or as `translate_os_errors` does."""
    with translate_os_errors():
        head = os.pread(descriptor, HEAD_BYTES, 0)
    known = sniff(head)
    if known is None:
        raise foreign_error(head)
    return known


def digest_of(descriptor: int) -> str:
    """ "blake2b:<hex>" over the whole file; reads by position, whatever the descriptor's offset.

    Raises MediaError when it cannot be read.
    """
    digest = hashlib.blake2b(digest_size=32)
    place = 0
    with translate_os_errors():
        while chunk := os.pread(descriptor, CHUNK_BYTES, place):
            digest.update(chunk)
            place += len(chunk)
    return f"blake2b:{digest.hexdigest()}"
