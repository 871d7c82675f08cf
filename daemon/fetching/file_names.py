"""The name of a fetched file in the inbox. Pure.

The URL's last part, made safe: no folder, not hidden, no characters that are special to a terminal or another system,
and a media suffix, so that no rule about unfinished or own files matches.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

from daemon.media.sniff import MEDIA_SUFFIXES, Format

#: Of 255 bytes that file systems allow; a number and the sidecars' suffixes are added.
MAX_STEM_BYTES = 160
#: Letters, marks and digits of every script and a few signs are kept; all else becomes "_".
UNSAFE = re.compile(r"[^\w .,()+@&=-]")
#: Suffixes of formats, where they differ from the format's name.
SUFFIXES = {"jpeg": ".jpg", "tiff": ".tif", "heif": ".heic"}


def names_for(url_path: str, format: Format) -> Iterator[str]:
    """The names to try, best first, endless: "beach.jpg", "beach-2.jpg" and so on."""
    last = unquote(url_path, errors="replace").rstrip("/").rpartition("/")[2]
    stem, suffix = split_name(UNSAFE.sub("_", unicodedata.normalize("NFC", last)))
    stem = shortened(stem.strip("._ -")).rstrip("._ -") or format.kind.value
    suffix = suffix or SUFFIXES.get(format.name, f".{format.name}")
    yield f"{stem}{suffix}"
    number = 2
    while True:
        yield f"{stem}-{number}{suffix}"
        number += 1


def split_name(name: str) -> tuple[str, str]:
    """Stem and suffix; a suffix only if it is one of media."""
    stem, dot, extension = name.rpartition(".")
    return (stem, f".{extension}") if dot and f".{extension}".lower() in MEDIA_SUFFIXES else (name, "")


def shortened(stem: str) -> str:
    return stem.encode()[:MAX_STEM_BYTES].decode(errors="ignore")
