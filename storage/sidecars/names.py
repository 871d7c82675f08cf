"""Names of sidecars: the file's whole name, then our suffix. Pure."""

from __future__ import annotations

import hashlib
import os
import re

#: The most bytes that file systems allow in one name.
LONGEST_NAME = 255
#: A longer last part of a name is not treated as an extension.
LONGEST_EXTENSION = 16

_SIDECAR = re.compile(rb".+\.smolwatch\.json|.+\.[^.]+\.md", re.IGNORECASE | re.DOTALL)


def sidecar_path(path: bytes, suffix: bytes) -> bytes:
    """The path of the sidecar of the media file at `path`: beside it."""
    folder, name = os.path.split(path)
    return os.path.join(folder, sidecar_name(name, suffix))


def sidecar_name(name: bytes, suffix: bytes) -> bytes:
    """`name` + `suffix`; a name too long for that loses its middle to a hash of the whole ("aaa~1f2e3d4c.jpg.md")."""
    if len(name) + len(suffix) <= LONGEST_NAME:
        return name + suffix
    stem, extension = os.path.splitext(name)
    if len(extension) > LONGEST_EXTENSION:
        stem, extension = name, b""
    rest = b"~" + hashlib.blake2b(name, digest_size=4).hexdigest().encode() + extension + suffix
    cut = stem[: LONGEST_NAME - len(rest)]
    # Do not cut within a character: macOS allows only whole ones.
    return cut.decode("utf-8", "ignore").encode() + rest


def is_sidecar_name(name: bytes) -> bool:
    """Whether this can be the name of one of our sidecars, which are never treated as media."""
    return _SIDECAR.fullmatch(name) is not None
