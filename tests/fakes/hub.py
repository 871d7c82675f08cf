"""A model hub on the loopback: one repository at one commit, over the few calls that a download makes."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BIG = ".safetensors"


class FakeHub:
    """Serves `files` of the model `name`.

    While `break_after` is set, no byte of a big file past that one arrives; while `status` is, every GET ends with it.
    """

    def __init__(self, revision: str, files: Mapping[str, bytes], *, name: str = "someone/tiny") -> None:
        self.name = name
        self.revision = revision
        self.status: int | None = None
        self.files = dict(files)
        self.break_after: int | None = None
        self.ranges: list[str] = []  # the Range header of requests for large files: "bytes=5-", or "" for a whole one
        self.url = ""

    def listing(self) -> list[dict[str, object]]:
        return [entry(name, content) for name, content in self.files.items()]


def entry(name: str, content: bytes) -> dict[str, object]:
    found: dict[str, object] = {"type": "file", "path": name, "size": len(content), "oid": etag(name, content)}
    if name.endswith(BIG):
        found["lfs"] = {"oid": etag(name, content), "size": len(content), "pointerSize": 130}
    return found


def etag(name: str, content: bytes) -> str:
    """Big files are known by their sha256, small ones by git's digest."""
    kind = hashlib.sha256 if name.endswith(BIG) else hashlib.sha1
    return kind(content).hexdigest()


@contextmanager
def running(hub: FakeHub) -> Iterator[FakeHub]:  # noqa: C901 - one branch a kind of request
    class Visitor(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def answer(self, *, with_body: bool) -> None:
            if with_body and hub.status is not None:
                return self.send(hub.status, b"", {}, with_body)
            if "/tree/" in self.path and f"/{hub.name}/" not in self.path:
                return self.send(404, b"", {"X-Error-Code": "RepoNotFound"}, with_body)
            if "/tree/" in self.path and f"/tree/{hub.revision}" not in self.path:
                return self.send(404, b"", {"X-Error-Code": "RevisionNotFound"}, with_body)
            if "/tree/" in self.path:
                return self.send(200, json.dumps(hub.listing()).encode(), {}, with_body)
            found = re.search(r"/resolve/[^/]+/(.+)$", self.path)
            if found is None or found[1] not in hub.files:
                return self.send(404, b"", {"X-Error-Code": "EntryNotFound"}, with_body)
            return self.send_file(found[1], hub.files[found[1]], with_body)

        def send_file(self, name: str, content: bytes, with_body: bool) -> None:
            range_header = self.headers.get("Range", "")
            begin = int(range_header.removeprefix("bytes=").rstrip("-") or 0) if range_header else 0
            if with_body and name.endswith(BIG):
                hub.ranges.append(range_header)
            headers = {
                "X-Repo-Commit": hub.revision,
                "ETag": f'"{etag(name, content)}"',
                "Content-Range": f"bytes {begin}-{len(content) - 1}/{len(content)}",
            }
            breaks = with_body and name.endswith(BIG) and hub.break_after is not None
            cut = max(0, (hub.break_after or 0) - begin) if breaks else None
            self.send(206 if range_header else 200, content[begin:], headers, with_body, cut)

        def send(
            self, status: int, body: bytes, headers: Mapping[str, str], with_body: bool, cut: int | None = None
        ) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body[:cut])
            if cut is not None:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Visitor)
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
