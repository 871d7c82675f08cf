"""A file and the same from a URL, and a download that breaks off: a server of its own on this machine, no network."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from config.settings import FetchSettings
from daemon.errors import FetchError
from daemon.evaluation.measuring.situation import Measured, Situation, checked
from daemon.fetching.download import Fetcher, FetchLimits

ADDRESS = "127.0.0.1"
#: The server is on this machine, so a private address is allowed.
ALLOWED = FetchSettings(private_addresses=True)
LIMITS = FetchLimits(base_seconds=5.0, idle_seconds=2.0)


def url_and_file(situation: Situation) -> Measured:
    """The downloaded file has the same bytes, and so gets the same answer."""
    file = situation.file
    content = file.read_bytes()
    with tempfile.TemporaryDirectory() as folder, serving(content, declared=len(content)) as port:
        fetched = Fetcher(Path(folder), ALLOWED, limits=LIMITS).fetch(f"http://{ADDRESS}:{port}/{file.name}")
        same = fetched.path.read_bytes() == content
    reason = f"{fetched.bytes} bytes came, {'equal' if same else 'not equal'} to the file's."
    return Measured(text=reason, checks=(checked("bytes", "equal bytes", same, reason),))


def broken_download(situation: Situation) -> Measured:
    """A server that sends half of a file and hangs up: an error with advice, and no file."""
    file = situation.file
    content = file.read_bytes()
    with tempfile.TemporaryDirectory() as folder, serving(content[: len(content) // 2], declared=len(content)) as port:
        error = None
        try:
            Fetcher(Path(folder), ALLOWED, limits=LIMITS).fetch(f"http://{ADDRESS}:{port}/{file.name}")
        except FetchError as raised:
            error = raised
        published = [each.name for each in Path(folder).iterdir() if not each.name.startswith(".")]
    return Measured(
        text=str(error or "It was taken."),
        checks=(
            checked("refused", "an error", error is not None, str(error or "It was taken.")),
            checked("no file", "no file of half a picture", not published, f"Files: {', '.join(published) or 'none'}."),
        ),
    )


@contextmanager
def serving(content: bytes, *, declared: int) -> Iterator[int]:
    """Serves these bytes, while it declares so many; the port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.send_header("Content-Length", str(declared))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: stderr is for people."""

    with HTTPServer((ADDRESS, 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
