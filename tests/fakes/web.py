"""A web server on loopback that does as it is told, names that resolve as a test says, and a detour to that server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

#: An address of the internet; nothing is ever sent to it.
PUBLIC = "93.184.216.34"


class Page(BaseHTTPRequestHandler):
    """One request, and what a test's page needs to answer it."""

    protocol_version = "HTTP/1.1"
    server: Website

    def do_GET(self) -> None:
        self.close_connection = True
        self.server.asked.append((self.path, dict(self.headers)))
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
        """Silence."""


class Website(ThreadingHTTPServer):
    """`pages` answer by path; `asked` are the requests that came, as (path, headers)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.pages: dict[str, Callable[[Page], None]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
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
    """A resolver. Each name's answers come one after the other, the last again and again."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self._answers = {name.replace("_", "."): list(said) for name, said in answers.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        answers = self._answers.get(host) or [[host]]
        return answers.pop(0) if len(answers) > 1 else answers[0]


class Detour(httpx.AsyncHTTPTransport):
    """Connects to the website, wherever a connection was meant to go, and notes that."""

    def __init__(self, site: Website, meant: list[str]) -> None:
        super().__init__(trust_env=False)
        self._site, self._meant = site, meant

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._meant.append(request.url.host)
        request.url = request.url.copy_with(host="127.0.0.1", port=self._site.server_port)
        return await super().handle_async_request(request)


def serve(content: bytes, **headers: str) -> Callable[[Page], None]:
    """A page that sends these bytes, or the rest of them that is asked for, as good servers do."""
    said = {name.replace("_", "-"): value for name, value in headers.items()}

    def page(request: Page) -> None:
        wished = request.headers.get("Range")
        same = request.headers.get("If-Range") in said.values()
        first = int(wished.removeprefix("bytes=").removesuffix("-")) if wished and same else 0
        more = {"Content-Range": f"bytes {first}-{len(content) - 1}/{len(content)}"} if first else {}
        request.head(206 if first else 200, {"Content-Length": len(content) - first, **said, **more})
        request.wfile.write(content[first:])

    return page


def break_off(content: bytes, after: int, **headers: str) -> Callable[[Page], None]:
    """A page that promises all these bytes, and hangs up before the end."""
    said = {name.replace("_", "-"): value for name, value in headers.items()}

    def page(request: Page) -> None:
        request.head(200, {"Content-Length": len(content), **said})
        request.wfile.write(content[:after])

    return page


def redirect(to: str) -> Callable[[Page], None]:
    return lambda request: request.head(302, {"Location": to, "Content-Length": 0})
