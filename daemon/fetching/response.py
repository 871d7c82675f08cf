"""Whether a server's response resumes the partial file or starts again, and how many bytes it announces. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

import httpx

from daemon.errors import FetchError, RefusedUrlError
from daemon.fetching.partial_file import PartFacts

CONTENT_RANGE = re.compile(r"bytes (?P<first>\d{1,18})-(?P<last>\d{1,18})/(?P<total>\d{1,18})")


class StaleError(FetchError):
    """The partial file cannot be resumed."""


@dataclass(frozen=True)
class Response:
    """`start`: offset of the first byte of the body. `total`: size of the file; None for chunked encoding."""

    start: int
    total: int | None
    facts: PartFacts


def range_headers(size: int, facts: PartFacts) -> dict[str, str]:
    """Headers that request the missing bytes if the version is still the same, else the whole file."""
    return {"Range": f"bytes={size}-", "If-Range": facts.version} if size and facts.version else {}


def read_response(response: httpx.Response, size: int, facts: PartFacts) -> Response:
    """`size` and `facts` describe the partial file. Raises StaleError, or FetchError."""
    headers = response.headers
    if response.status_code == 416 and size:
        raise StaleError
    if response.status_code not in {200, 206}:
        raise FetchError(f"The server answers {response.status_code} {response.reason_phrase}.".replace(" .", "."))
    if (encoding := headers.get("content-encoding", "identity").lower()) != "identity":
        raise RefusedUrlError("encoding", f"The server sends the file compressed ({encoding}) without being asked to.")
    reported = PartFacts(headers.get("etag", ""), headers.get("last-modified", ""))
    if response.status_code == 206:
        return resumed(headers.get("content-range", ""), size, reported, facts)
    length = headers.get("content-length")
    if length is None and headers.get("transfer-encoding", "").lower() != "chunked":
        raise FetchError("The server does not report where the file ends: an interrupted copy would look complete.")
    return Response(0, None if length is None else int(length), reported)


def resumed(content_range: str, size: int, reported: PartFacts, facts: PartFacts) -> Response:
    """The rest of the same version, from exactly the first missing byte; else raises StaleError."""
    found = CONTENT_RANGE.fullmatch(content_range)
    if not found or not size or int(found["first"]) != size or int(found["last"]) + 1 != int(found["total"]):
        raise StaleError
    if (reported.etag and reported.etag != facts.etag) or (reported.modified and reported.modified != facts.modified):
        raise StaleError
    return Response(size, int(found["total"]), facts)
