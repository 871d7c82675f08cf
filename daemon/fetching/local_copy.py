"""A local file into the inbox: copied under a temporary name, checked as a fetched one is, then published."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from config.settings import FetchSettings
from daemon.errors import ChangedError, FetchError, MediaError
from daemon.fetching.download import Fetched, check_size, format_of
from daemon.fetching.file_names import names_for
from daemon.fetching.partial_file import open_partial
from daemon.media.safe_open import open_checked, translate_os_errors
from daemon.media.sniff import HEAD_BYTES
from storage.records import Fingerprint

CHUNK_BYTES = 1024 * 1024
#: `open_checked` compares with its own limit, whose advice is about the daemon's; `check_size` has the right one.
NO_LIMIT = 2**62


def copy_into(inbox: Path, file: Path, settings: FetchSettings) -> Fetched:
    """Copy the file, whole or not at all; a file of the inbox stays where it is. A link is followed.

    Raises FetchError; RefusedUrlError for what is too large, or no picture or video.
    """
    source = file.resolve()
    try:
        descriptor = open_checked(bytes(source), max_bytes=NO_LIMIT)
        try:
            return copy_open(inbox, file, source, descriptor, settings)
        finally:
            os.close(descriptor)
    except MediaError as error:
        raise FetchError(str(error)) from error
    except OSError as error:
        raise FetchError(f"The file cannot be copied into the inbox: {error.strerror}.") from error


def copy_open(inbox: Path, file: Path, source: Path, descriptor: int, settings: FetchSettings) -> Fetched:
    size = os.fstat(descriptor).st_size
    check_size(size, settings.max_bytes)
    format = format_of(os.pread(descriptor, HEAD_BYTES, 0))
    if source.is_relative_to(inbox.resolve()):
        return Fetched(source, size, format.name)
    with open_partial(inbox, f"file:{source}") as partial:
        for chunk in chunks_of(descriptor):
            partial.add(chunk)
        names = names_for(quote(os.fsencode(file.name)), format)
        return Fetched(partial.publish(names), partial.size, format.name)


def chunks_of(descriptor: int) -> Iterator[bytes]:
    """The whole content. Raises ChangedError when the file changes meanwhile, MediaError when it cannot be read."""
    with translate_os_errors():
        before = Fingerprint.of(os.fstat(descriptor))
        place = 0
        while chunk := os.pread(descriptor, min(CHUNK_BYTES, before.size - place), place):
            yield chunk
            place += len(chunk)
        if place != before.size or Fingerprint.of(os.fstat(descriptor)) != before:
            raise ChangedError("The file changed while it was copied.")
