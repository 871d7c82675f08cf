"""What a fetched file is called in the inbox. Pure.

The URL's last part, made safe: no folder, nothing hidden, nothing that a terminal or another system trips over, and an
ending that says media, so that no rule about unfinished or own files matches.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

from daemon.media.sniff import MEDIA_SUFFIXES, Format

#: File systems hold 255 bytes of a name; sidecars add their own endings, and a number may follow.
LONGEST_STEM = 160
#: Letters, marks and digits of every script, and a few signs; all else becomes "_".
UNSAFE = re.compile(r"[^\w .,()+@&=-]")
#: How a format's files end, where that is not the format's own name.
SUFFIXES = {"jpeg": ".jpg", "tiff": ".tif", "heif": ".heic"}


def names_for(url_path: str, format: Format) -> Iterator[str]:
    """The names to try, best first, without end: "beach.jpg", "beach-2.jpg" and so on."""
    last = unquote(url_path, errors="replace").rstrip("/").rpartition("/")[2]
    stem, suffix = parts_of(UNSAFE.sub("_", unicodedata.normalize("NFC", last)))
    stem = shortened(stem.strip("._ -")).rstrip("._ -") or format.kind.value
    suffix = suffix or SUFFIXES.get(format.name, f".{format.name}")
    yield f"{stem}{suffix}"
    number = 2
    while True:
        yield f"{stem}-{number}{suffix}"
        number += 1


def parts_of(name: str) -> tuple[str, str]:
    """Stem and ending; no ending unless it is one of media."""
    stem, dot, ending = name.rpartition(".")
    return (stem, f".{ending}") if dot and f".{ending}".lower() in MEDIA_SUFFIXES else (name, "")


def shortened(stem: str) -> str:
    return stem.encode()[:LONGEST_STEM].decode(errors="ignore")
