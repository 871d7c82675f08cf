"""From a URL to a file in the inbox: asked of checked addresses alone, counted, timed, looked at, then published."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from config.settings import FetchSettings
from daemon.errors import FetchError, RefusedUrlError
from daemon.fetching.file_names import names_for
from daemon.fetching.partial_file import PartFacts, PartialFile, open_part, sweep_parts
from daemon.fetching.response import StaleError, read_answer, wish
from daemon.fetching.transport import Dial, Resolve, addresses_of, allowed_url, ask, dial, resolve
from daemon.media.sniff import HEAD_BYTES, Format, sniff

MOST_REDIRECTS = 3
GO_ON = "Repeat the command: it goes on where it was."


@dataclass(frozen=True)
class FetchLimits:
    """How slow a server may be. A file may take `answer` seconds, and one more for every `bytes_a_second` of it."""

    answer: float = 30.0
    silence: float = 10.0  #: seconds between two signs of life
    bytes_a_second: float = 50_000.0


@dataclass(frozen=True)
class Fetched:
    """A file that stands in the inbox; `format` as in daemon.media.sniff."""

    path: Path
    bytes: int
    format: str


class Fetcher:
    """Fetches into one inbox. Not thread-safe; several processes do not get into each other's way."""

    def __init__(
        self,
        inbox: Path,
        settings: FetchSettings,
        *,
        resolve: Resolve = resolve,
        dial: Dial = dial,
        patience: FetchLimits = FetchLimits(),
    ) -> None:
        self._inbox = inbox
        self._settings = settings
        self._resolve = resolve
        self._dial = dial
        self._patience = patience

    def fetch(self, text: str) -> Fetched:
        """Bring the URL's file into the inbox, whole or not at all. Raises FetchError, or OSError
        where the inbox lets nobody write."""
        url = allowed_url(text)
        sweep_parts(self._inbox, time.time())
        with open_part(self._inbox, text) as part:
            try:
                format = asyncio.run(self._bring(url, part))
            except RefusedUrlError:
                part.discard()
                raise
            except httpx.HTTPError as error:
                raise broken_off(error, part) from error
            except TimeoutError as error:
                raise FetchError(self._too_slow(part), advice=GO_ON if part.can_go_on else "") from error
            except OSError as error:
                raise FetchError(f"The inbox takes no more: {error.strerror}.") from error
            size = part.size
            return Fetched(part.publish(names_for(url.path, format)), size, format.name)

    async def _bring(self, url: httpx.URL, part: PartialFile) -> Format:
        """Fill the part. A second time from the start, where the server cannot go on with what is here."""
        async with asyncio.timeout(self._patience.answer) as limit:
            try:
                return await self._follow(url, part, limit)
            except StaleError:
                part.begin(PartFacts())
                return await self._follow(url, part, limit)

    async def _follow(self, url: httpx.URL, part: PartialFile, limit: asyncio.Timeout) -> Format:
        """Each redirect is judged as the first URL was."""
        for _ in range(MOST_REDIRECTS + 1):
            addresses = await addresses_of(url, self._resolve, private=self._settings.private_addresses)
            headers = wish(part.size, part.facts)
            async with ask(url, addresses, self._dial, headers, self._patience.silence) as response:
                if not response.has_redirect_location:
                    return await self._receive(response, part, limit)
                url = allowed_url(response.headers["location"], url)
        raise RefusedUrlError("redirects", f"The URL is redirected more than {MOST_REDIRECTS} times.")

    async def _receive(self, response: httpx.Response, part: PartialFile, limit: asyncio.Timeout) -> Format:
        answer = read_answer(response, part.size, part.facts)
        self._count(answer.whole or 0)
        if answer.start == 0:
            part.begin(answer.facts)
        began, known = asyncio.get_running_loop().time(), None
        async for chunk in response.aiter_raw():
            self._count(part.size + len(chunk))
            part.add(chunk)
            if known is None and part.size >= HEAD_BYTES:
                known = format_of(part)
            earned = (part.size - answer.start) / self._patience.bytes_a_second
            limit.reschedule(began + self._patience.answer + earned)
        if answer.whole not in {None, part.size}:
            raise FetchError(f"The server sent {part.size} bytes of {answer.whole}.", advice=GO_ON)
        return known or format_of(part)

    def _count(self, size: int) -> None:
        most = self._settings.max_bytes
        if size > most:
            advice = "Larger ones: max_bytes under [fetch] in smolwatch.toml."
            raise RefusedUrlError("size", f"The file is larger than {most} bytes.", advice=advice)

    def _too_slow(self, part: PartialFile) -> str:
        allowed = f"{self._patience.answer:g} s and one more for every {self._patience.bytes_a_second:g} bytes"
        return f"Too slow: a file may take {allowed}; {part.size} bytes are here."


def format_of(part: PartialFile) -> Format:
    """What the part's first bytes say. Raises RefusedUrlError, also for an empty file."""
    if known := sniff(part.head(HEAD_BYTES)):
        return known
    raise RefusedUrlError("content", "Not a picture or video that smolwatch knows, whatever it is called.")


def broken_off(error: httpx.HTTPError, part: PartialFile) -> FetchError:
    reason = str(error) or type(error).__name__
    if part.can_go_on:
        return FetchError(f"Broken off after {part.size} bytes: {reason}", advice=GO_ON)
    return FetchError(f"The server cannot be asked: {reason}", advice="Look at the network and try again.")
