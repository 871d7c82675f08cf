"""What a server's answer means for the part that is here: how much comes, and of which version. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

import httpx

from daemon.errors import FetchError, RefusedUrlError
from daemon.fetching.partial_file import PartFacts

RANGE = re.compile(r"bytes (?P<first>\d{1,18})-(?P<last>\d{1,18})/(?P<whole>\d{1,18})")


class StaleError(FetchError):
    """The part that is here cannot be gone on with."""


@dataclass(frozen=True)
class Response:
    """`start`: where the bytes begin that come now. `whole`: how many the file has; None where only its end tells."""

    start: int
    whole: int | None
    facts: PartFacts


def wish(size: int, facts: PartFacts) -> dict[str, str]:
    """The headers that ask for what is missing, if it is still the same version, and else for all."""
    return {"Range": f"bytes={size}-", "If-Range": facts.version} if size and facts.version else {}


def read_answer(response: httpx.Response, size: int, facts: PartFacts) -> Response:
    """What comes after the `size` bytes that are here. Raises StaleError, or FetchError."""
    headers = response.headers
    if response.status_code == 416 and size:
        raise StaleError
    if response.status_code not in {200, 206}:
        raise FetchError(f"The server answers {response.status_code} {response.reason_phrase}.".replace(" .", "."))
    if (encoding := headers.get("content-encoding", "identity").lower()) != "identity":
        raise RefusedUrlError("encoding", f"The server sends the file compressed ({encoding}), unasked.")
    said = PartFacts(headers.get("etag", ""), headers.get("last-modified", ""))
    if response.status_code == 206:
        return continued(headers.get("content-range", ""), size, said, facts)
    length = headers.get("content-length")
    if length is None and headers.get("transfer-encoding", "").lower() != "chunked":
        raise FetchError("The server does not say where the file ends: a broken-off copy would look whole.")
    return Response(0, None if length is None else int(length), said)


def continued(content_range: str, size: int, said: PartFacts, facts: PartFacts) -> Response:
    """The rest of the same version, from the very byte that is missing, or StaleError."""
    found = RANGE.fullmatch(content_range)
    if not found or not size or int(found["first"]) != size or int(found["last"]) + 1 != int(found["whole"]):
        raise StaleError
    if (said.etag and said.etag != facts.etag) or (said.modified and said.modified != facts.modified):
        raise StaleError
    return Response(size, int(found["whole"]), facts)
