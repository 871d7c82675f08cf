"""HTTP requests to an address that was checked, over a connection to that address alone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import httpx

from daemon.errors import FetchError, RefusedUrlError
from daemon.fetching.addresses import checked

#: Host and port to IP addresses, as text. May raise OSError.
Resolve = Callable[[str, int], Sequence[str]]
#: Makes the transport that connects to the address in a request's URL.
MakeTransport = Callable[[], httpx.AsyncBaseTransport]

PORTS = {"http": 80, "https": 443}
CONNECT_SECONDS = 5.0
#: Without "identity", the counted bytes would differ from the stored ones.
HEADERS = {"User-Agent": "smolwatch", "Accept": "*/*", "Accept-Encoding": "identity"}


def resolve(host: str, port: int) -> list[str]:
    """By the system's resolver."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def make_transport() -> httpx.AsyncBaseTransport:
    """Ignores the proxies of the environment: they would resolve the name again."""
    return httpx.AsyncHTTPTransport(trust_env=False)


def allowed_url(text: str, base: httpx.URL | None = None, *, advice: str = "") -> httpx.URL:
    """The URL, relative to `base` for a redirect. Raises RefusedUrlError; `advice` is for what is no web address."""
    try:
        url = base.join(text) if base else httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise RefusedUrlError("url", f'"{text}" is not a valid URL: {error}.') from error
    if url.scheme not in PORTS:
        raise RefusedUrlError("scheme", f'"{text}" is not a web address (http:// or https://).', advice=advice)
    if not url.host or not 0 < port_of(url) < 2**16:
        raise RefusedUrlError("url", f'"{text}" names no server.')
    if url.userinfo:
        raise RefusedUrlError("credentials", "The URL contains a user name or password, which smolwatch does not send.")
    return url


def port_of(url: httpx.URL) -> int:
    return PORTS[url.scheme] if url.port is None else url.port


async def addresses_of(url: httpx.URL, resolve: Resolve, *, private: bool) -> list[str]:
    """The addresses of the URL's host: at least one, all of them allowed. Raises FetchError."""
    host = url.raw_host.decode("ascii")
    try:
        found = await asyncio.to_thread(resolve, host, port_of(url))
    except (OSError, UnicodeError) as error:  # UnicodeError: not a valid host name
        advice = "Check the URL and your internet connection."
        raise FetchError(f"{host} was not found: {error}.", advice=advice) from error
    try:
        addresses = [str(checked(address, private=private)) for address in found]
    except RefusedUrlError as error:
        prefix = "" if host in found else f"{host}: "
        raise RefusedUrlError(error.rule, f"{prefix}{error}", advice=error.advice) from error
    if not addresses:
        raise FetchError(f"{host} has no address.")
    return list(dict.fromkeys(addresses))


@asynccontextmanager
async def request(
    url: httpx.URL, addresses: Sequence[str], make_transport: MakeTransport, headers: Mapping[str, str], idle: float
) -> AsyncIterator[httpx.Response]:
    """The response, its body still unread. Raises httpx.HTTPError.

    The request goes to an address, not a name, so the name cannot resolve to another one between check and connection;
    the name goes into Host and into the check of the certificate. httpx's client is not used: it would follow
    redirects, keep cookies and reuse connections by its own rules. `idle`: seconds without a packet until it fails.
    """
    sent = {**HEADERS, "Host": url.netloc.decode("ascii"), **headers}
    timeout = httpx.Timeout(idle, connect=CONNECT_SECONDS).as_dict()
    extensions = {"timeout": timeout, "sni_hostname": url.raw_host.decode("ascii")}
    requests = [
        httpx.Request("GET", url.copy_with(host=address), headers=sent, extensions=extensions) for address in addresses
    ]
    async with make_transport() as transport:
        response = await first_reached(transport, requests)
        try:
            yield response
        finally:
            await response.aclose()


async def first_reached(transport: httpx.AsyncBaseTransport, requests: Sequence[httpx.Request]) -> httpx.Response:
    """The response from the first address that accepts a connection."""
    *others, last = requests
    for request in others:
        try:
            return await transport.handle_async_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            continue
    return await transport.handle_async_request(last)
