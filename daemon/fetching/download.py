"""From a URL to a file in the inbox: allowed addresses only, limited in size and time, checked, then published."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from config.settings import FetchSettings
from daemon.errors import FetchError, RefusedUrlError
from daemon.fetching.file_names import names_for
from daemon.fetching.partial_file import PartFacts, PartialFile, open_partial, sweep_partials
from daemon.fetching.response import StaleError, range_headers, read_response
from daemon.fetching.transport import (
    MakeTransport,
    Resolve,
    addresses_of,
    allowed_url,
    make_transport,
    request,
    resolve,
)
from daemon.media.foreign.foreign_files import foreign_error
from daemon.media.sniff import HEAD_BYTES, Format, sniff

MAX_REDIRECTS = 3
RESUME = "Run the same command again to resume the download."


@dataclass(frozen=True)
class FetchLimits:
    """How slow a server may be. A file may take `base_seconds`, and one more for every `bytes_per_second` of it."""

    base_seconds: float = 30.0
    idle_seconds: float = 10.0  #: between two received packets
    bytes_per_second: float = 50_000.0


@dataclass(frozen=True)
class Fetched:
    """A file in the inbox; `format` as in daemon.media.sniff."""

    path: Path
    bytes: int
    format: str


class Fetcher:
    """Fetches into one inbox. Not thread-safe; several processes may fetch at the same time."""

    def __init__(
        self,
        inbox: Path,
        settings: FetchSettings,
        *,
        resolve: Resolve = resolve,
        make_transport: MakeTransport = make_transport,
        limits: FetchLimits = FetchLimits(),
    ) -> None:
        self._inbox = inbox
        self._settings = settings
        self._resolve = resolve
        self._make_transport = make_transport
        self._limits = limits

    def fetch(self, text: str) -> Fetched:
        """Fetch the URL's file into the inbox, whole or not at all.

        Raises FetchError, and OSError where the inbox cannot be written.
        """
        url = allowed_url(text, advice=f"For a local file, copy it into {self._inbox}.")
        sweep_partials(self._inbox, time.time())
        with open_partial(self._inbox, text) as partial:
            try:
                format = asyncio.run(self._download(url, partial))
            except RefusedUrlError:
                partial.discard()
                raise
            except httpx.HTTPError as error:
                raise interrupted(error, partial) from error
            except TimeoutError as error:
                raise FetchError(self._too_slow(partial), advice=RESUME if partial.can_resume else "") from error
            except OSError as error:
                raise FetchError(f"The file cannot be written into the inbox: {error.strerror}.") from error
            size = partial.size
            return Fetched(partial.publish(names_for(url.path, format)), size, format.name)

    async def _download(self, url: httpx.URL, partial: PartialFile) -> Format:
        """Fill the partial file. Starts again once, where the server cannot resume what is here."""
        async with asyncio.timeout(self._limits.base_seconds) as timeout:
            try:
                return await self._follow(url, partial, timeout)
            except StaleError:
                partial.restart(PartFacts())
                return await self._follow(url, partial, timeout)

    async def _follow(self, url: httpx.URL, partial: PartialFile, timeout: asyncio.Timeout) -> Format:
        """Each redirect is checked like the first URL."""
        for _ in range(MAX_REDIRECTS + 1):
            addresses = await addresses_of(url, self._resolve, private=self._settings.private_addresses)
            headers = range_headers(partial.size, partial.facts)
            idle = self._limits.idle_seconds
            async with request(url, addresses, self._make_transport, headers, idle) as response:
                if not response.has_redirect_location:
                    return await self._receive(response, partial, timeout)
                url = allowed_url(response.headers["location"], url)
        raise RefusedUrlError("redirects", f"The URL is redirected more than {MAX_REDIRECTS} times.")

    async def _receive(self, response: httpx.Response, partial: PartialFile, timeout: asyncio.Timeout) -> Format:
        head = read_response(response, partial.size, partial.facts)
        check_size(head.total or 0, self._settings.max_bytes)
        if head.start == 0:
            partial.restart(head.facts)
        began, format = asyncio.get_running_loop().time(), None
        async for chunk in response.aiter_raw():
            check_size(partial.size + len(chunk), self._settings.max_bytes)
            partial.add(chunk)
            if format is None and partial.size >= HEAD_BYTES:
                format = format_of(partial.head(HEAD_BYTES))
            earned = (partial.size - head.start) / self._limits.bytes_per_second
            timeout.reschedule(began + self._limits.base_seconds + earned)
        if head.total is not None and head.total != partial.size:
            raise FetchError(f"The server sent {partial.size:,} of {head.total:,} bytes.", advice=RESUME)
        return format or format_of(partial.head(HEAD_BYTES))

    def _too_slow(self, partial: PartialFile) -> str:
        allowed = f"{self._limits.base_seconds:g} s plus 1 s for every {self._limits.bytes_per_second:g} bytes"
        return f"Too slow: a file may take {allowed}; {partial.size:,} bytes have arrived."


def check_size(size: int, max_bytes: int) -> None:
    """Raises RefusedUrlError."""
    if size > max_bytes:
        advice = "To allow larger files, raise max_bytes under [fetch] in smolwatch.toml."
        raise RefusedUrlError("size", f"The file is larger than {max_bytes} bytes.", advice=advice)


def format_of(head: bytes) -> Format:
    """By the first bytes of a file. Raises RefusedUrlError, also for an empty file."""
    if known := sniff(head):
        return known
    foreign = foreign_error(head)
    raise RefusedUrlError("content", str(foreign), advice=foreign.advice)


def interrupted(error: httpx.HTTPError, partial: PartialFile) -> FetchError:
    reason = str(error) or type(error).__name__
    if partial.can_resume:
        return FetchError(f"Interrupted after {partial.size:,} bytes: {reason}", advice=RESUME)
    return FetchError(f"The server does not answer: {reason}", advice="Check the URL and your internet connection.")
