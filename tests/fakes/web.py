"""A web server on loopback with pages from the test, a resolver with fixed answers, and a detour to that server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

#: An address of the internet; nothing is ever sent to it.
PUBLIC = "93.184.216.34"


class Page(BaseHTTPRequestHandler):
    """One request, and what a page of a test needs to answer it."""

    protocol_version = "HTTP/1.1"
    server: Website

    def do_GET(self) -> None:
        self.close_connection = True
        self.server.requests.append((self.path, dict(self.headers)))
        try:
            self.server.pages[self.path](self)
        except (BrokenPipeError, ConnectionResetError):
            self.server.hung_up += 1

    def head(self, status: int, headers: Mapping[str, object] = {}) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class Website(ThreadingHTTPServer):
    """`pages` by path; `requests`: those that were received, as (path, headers)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.pages: dict[str, Callable[[Page], None]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.hung_up = 0

    def url(self, path: str, host: str = "pictures.example", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.server_port}{path}"


@contextmanager
def website() -> Iterator[Website]:
    with Website() as site:
        thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield site
        finally:
            site.shutdown()
            thread.join()


class Names:
    """A resolver. A name's answers are given one after the other, the last one repeatedly."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self._answers = {name.replace("_", "."): list(given) for name, given in answers.items()}
        self.lookups: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.lookups.append(host)
        answers = self._answers.get(host) or [[host]]
        return answers.pop(0) if len(answers) > 1 else answers[0]


class Detour(httpx.AsyncHTTPTransport):
    """Connects to the website instead of the requested host, which is appended to `hosts`."""

    def __init__(self, site: Website, hosts: list[str]) -> None:
        super().__init__(verify=False, trust_env=False)  # plain HTTP: loading the certificates takes 0.1 s each
        self._site, self._hosts = site, hosts

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._hosts.append(request.url.host)
        request.url = request.url.copy_with(host="127.0.0.1", port=self._site.server_port)
        return await super().handle_async_request(request)


def serve(content: bytes, **headers: str) -> Callable[[Page], None]:
    """A page that sends these bytes, or the requested rest of them."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}

    def page(request: Page) -> None:
        requested = request.headers.get("Range")
        same = request.headers.get("If-Range") in sent.values()
        first = int(requested.removeprefix("bytes=").removesuffix("-")) if requested and same else 0
        more = {"Content-Range": f"bytes {first}-{len(content) - 1}/{len(content)}"} if first else {}
        request.head(206 if first else 200, {"Content-Length": len(content) - first, **sent, **more})
        request.wfile.write(content[first:])

    return page


def interrupt(content: bytes, after: int, **headers: str) -> Callable[[Page], None]:
    """A page that announces all these bytes, and closes the connection before the end."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}

    def page(request: Page) -> None:
        request.head(200, {"Content-Length": len(content), **sent})
        request.wfile.write(content[:after])

    return page


def redirect(to: str) -> Callable[[Page], None]:
    return lambda request: request.head(302, {"Location": to, "Content-Length": 0})
