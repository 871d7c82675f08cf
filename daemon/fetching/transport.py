"""Asking a web server for a file, at an address that was checked and by a connection that goes nowhere else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import httpx

from daemon.errors import FetchError, RefusedUrlError
from daemon.fetching.addresses import checked

#: The addresses of a host's name, as text. The seam for what the system's resolver says; may raise OSError.
Resolve = Callable[[str, int], Sequence[str]]
#: Makes what connects to the address in a request's URL. The seam for the network.
Dial = Callable[[], httpx.AsyncBaseTransport]

PORTS = {"http": 80, "https": 443}
CONNECT_SECONDS = 5.0
#: Without "identity", what is counted would not be what is kept.
HEADERS = {"User-Agent": "smolwatch", "Accept": "*/*", "Accept-Encoding": "identity"}


def resolve(host: str, port: int) -> list[str]:
    """What the system's resolver says."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def dial() -> httpx.AsyncBaseTransport:
    """The network. Proxies that the environment names are passed by: they would resolve the name anew."""
    return httpx.AsyncHTTPTransport(trust_env=False)


def allowed_url(text: str, base: httpx.URL | None = None) -> httpx.URL:
    """The URL, seen from `base` where it is a redirect's. Raises RefusedUrlError."""
    try:
        url = base.join(text) if base else httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise RefusedUrlError("url", f"{text!r} is no URL: {error}.") from error
    if url.scheme not in PORTS:
        raise RefusedUrlError("scheme", f"{url.scheme or 'Nothing'}: is not fetched, only http: and https: are.")
    if not url.host or not 0 < port_of(url) < 2**16:
        raise RefusedUrlError("url", f"{text!r} names no server.")
    if url.userinfo:
        raise RefusedUrlError("credentials", "The URL holds a user's name or password, which smolwatch does not send.")
    return url


def port_of(url: httpx.URL) -> int:
    return PORTS[url.scheme] if url.port is None else url.port


async def addresses_of(url: httpx.URL, resolve: Resolve, *, private: bool) -> list[str]:
    """Where the URL's host may be asked: at least one address, every one of them allowed. Raises FetchError."""
    host = url.raw_host.decode("ascii")
    try:
        found = await asyncio.to_thread(resolve, host, port_of(url))
    except (OSError, UnicodeError) as error:  # UnicodeError: no name that could be asked for
        raise FetchError(f"{host} is not found: {error}.", advice="Look at the URL and at the network.") from error
    try:
        addresses = [str(checked(address, private=private)) for address in found]
    except RefusedUrlError as error:
        whose = "" if host in found else f"{host}: "
        raise RefusedUrlError(error.rule, f"{whose}{error}", advice=error.advice) from error
    if not addresses:
        raise FetchError(f"{host} has no address.")
    return list(dict.fromkeys(addresses))


@asynccontextmanager
async def ask(
    url: httpx.URL, addresses: Sequence[str], dial: Dial, headers: Mapping[str, str], silence: float
) -> AsyncIterator[httpx.Response]:
    """The head of the answer; its body is still to be read. Raises httpx.HTTPError.

    The request goes to an address, not a name, so nobody can answer otherwise between check and connection; the name
    goes into Host and into the check of the certificate. Without httpx's client, which would follow redirects, keep
    cookies and use connections again by rules of its own. `silence`: seconds within which something must be heard.
    """
    sent = {**HEADERS, "Host": url.netloc.decode("ascii"), **headers}
    timeout = httpx.Timeout(silence, connect=CONNECT_SECONDS).as_dict()
    extensions = {"timeout": timeout, "sni_hostname": url.raw_host.decode("ascii")}
    async with dial() as transport:
        response = await first_reached(
            transport,
            [httpx.Request("GET", url.copy_with(host=one), headers=sent, extensions=extensions) for one in addresses],
        )
        try:
            yield response
        finally:
            await response.aclose()


async def first_reached(transport: httpx.AsyncBaseTransport, requests: Sequence[httpx.Request]) -> httpx.Response:
    """The answer from the first address that takes a connection."""
    *others, last = requests
    for request in others:
        try:
            return await transport.handle_async_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            continue
    return await transport.handle_async_request(last)
