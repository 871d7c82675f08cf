"""Breaks, changes and names, against a server on loopback."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from config.inboxes import InboxSettings
from config.settings import FetchSettings
from daemon.errors import FetchError
from daemon.fetching.download import RESUME, Fetcher
from daemon.fetching.partial_file import KEPT_SECONDS, PartFacts, open_partial, sweep_partials
from daemon.intake.filters import Filters
from storage.atomic import remove_temporaries
from tests.fakes.web import Names, Website, interrupt, redirect, serve, website
from tests.support.media.media_files import save_image, some_image

ALLOWED = FetchSettings(private_addresses=True)
NAMES = Names(pictures_example=[["127.0.0.1"]], other_example=[["127.0.0.1"]])


@pytest.fixture
def site() -> Iterator[Website]:
    with website() as site:
        yield site


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


@pytest.fixture
def fetcher(inbox: Path) -> Fetcher:
    return Fetcher(inbox, ALLOWED, resolve=NAMES)


@pytest.fixture
def picture(tmp_path: Path) -> bytes:
    return save_image(tmp_path / "one.png", some_image(1, (64, 48))).read_bytes()


@pytest.fixture
def another(tmp_path: Path) -> bytes:
    return save_image(tmp_path / "two.png", some_image(2, (80, 48))).read_bytes()


def names_in(inbox: Path) -> list[str]:
    return sorted(file.name for file in inbox.iterdir())


def interrupted(fetcher: Fetcher, site: Website, content: bytes, **headers: str) -> str:
    """The advice of the error after half of the file."""
    site.pages["/beach.png"] = interrupt(content, len(content) // 2, **headers)
    with pytest.raises(FetchError) as error:
        fetcher.fetch(site.url("/beach.png"))
    return error.value.advice


@pytest.mark.parametrize("version", [{"ETag": '"v1"'}, {"Last_Modified": "Tue, 24 Nov 2026 09:14:40 GMT"}])
def test_an_interrupted_download_is_resumed(
    version: dict[str, str], fetcher: Fetcher, site: Website, inbox: Path, picture: bytes
) -> None:
    assert interrupted(fetcher, site, picture, **version) == RESUME
    site.pages["/beach.png"] = serve(picture, **version)
    assert fetcher.fetch(site.url("/beach.png")).path.read_bytes() == picture
    assert site.requests[-1][1]["Range"] == f"bytes={len(picture) // 2}-"
    assert site.requests[-1][1]["If-Range"] in version.values()
    assert names_in(inbox) == ["beach.png"]


def test_a_file_that_changed_on_the_server_is_downloaded_again(
    fetcher: Fetcher, site: Website, inbox: Path, picture: bytes, another: bytes
) -> None:
    interrupted(fetcher, site, picture, ETag='"v1"')
    site.pages["/beach.png"] = serve(another, ETag='"v2"')
    assert fetcher.fetch(site.url("/beach.png")).path.read_bytes() == another
    assert names_in(inbox) == ["beach.png"]


@pytest.mark.parametrize("lie", ["another place", "another version", "nothing is left"])
def test_after_a_wrong_partial_response_the_whole_file_is_requested(
    lie: str, fetcher: Fetcher, site: Website, inbox: Path, picture: bytes
) -> None:
    interrupted(fetcher, site, picture, ETag='"v1"')
    whole = serve(picture, ETag='"v1"')
    half, size = len(picture) // 2, len(picture)

    def lying(page) -> None:  # type: ignore[no-untyped-def]
        if page.headers.get("Range") is None:
            whole(page)
        elif lie == "nothing is left":
            page.head(416, {"Content-Range": f"bytes */{size}", "Content-Length": 0})
        else:
            first, tag = (half - 1, '"v1"') if lie == "another place" else (half, '"v2"')
            headers = {"ETag": tag, "Content-Range": f"bytes {first}-{size - 1}/{size}", "Content-Length": size - first}
            page.head(206, headers)
            page.wfile.write(picture[first:])

    site.pages["/beach.png"] = lying
    assert fetcher.fetch(site.url("/beach.png")).path.read_bytes() == picture
    assert names_in(inbox) == ["beach.png"]


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"weak"'}, {"ETag": '"ümlaut"'}])
def test_without_a_version_that_can_be_compared_nothing_is_kept(
    headers: dict[str, str], fetcher: Fetcher, site: Website, inbox: Path, picture: bytes
) -> None:
    interrupted(fetcher, site, picture, **headers)
    assert names_in(inbox) == []


def test_the_intake_ignores_a_partial_file_and_a_start_of_the_daemon_keeps_it(
    fetcher: Fetcher, site: Website, inbox: Path, picture: bytes
) -> None:
    interrupted(fetcher, site, picture, ETag='"v1"')
    parts = names_in(inbox)
    assert len(parts) == 2
    filters = Filters(InboxSettings(ignore=()))
    assert all(filters.reject_file(name.encode()) for name in parts)
    assert remove_temporaries(inbox) == 0
    sweep_partials(inbox, (inbox / parts[0]).stat().st_mtime + KEPT_SECONDS - 1)
    assert names_in(inbox) == parts
    sweep_partials(inbox, (inbox / parts[0]).stat().st_mtime + KEPT_SECONDS + 60)
    assert names_in(inbox) == []


def test_two_calls_do_not_fetch_the_same_at_the_same_time(fetcher: Fetcher, site: Website, inbox: Path) -> None:
    with open_partial(inbox, site.url("/beach.png")), pytest.raises(FetchError, match="already"):
        fetcher.fetch(site.url("/beach.png"))
    assert site.requests == []


def test_files_of_others_are_neither_replaced_nor_followed(
    fetcher: Fetcher, site: Website, inbox: Path, picture: bytes, tmp_path: Path
) -> None:
    (inbox / "beach.png").write_bytes(b"mine")
    (tmp_path / "elsewhere").write_bytes(b"mine")
    (inbox / "beach-2.png").symlink_to(tmp_path / "elsewhere")
    (inbox / "beach-3.png").symlink_to(tmp_path / "nowhere")
    site.pages["/beach.png"] = serve(picture)
    assert fetcher.fetch(site.url("/beach.png")).path == inbox / "beach-4.png"
    assert (inbox / "beach.png").read_bytes() == (tmp_path / "elsewhere").read_bytes() == b"mine"
    assert not (tmp_path / "nowhere").exists()


def test_the_same_file_fetched_twice_stands_there_once_and_untouched(
    fetcher: Fetcher, site: Website, inbox: Path, picture: bytes
) -> None:
    site.pages["/beach.png"] = serve(picture)
    before = fetcher.fetch(site.url("/beach.png")).path.stat()
    fetcher.fetch(site.url("/beach.png"))
    after = (inbox / "beach.png").stat()
    assert names_in(inbox) == ["beach.png"]
    assert (after.st_ino, after.st_mtime_ns, after.st_size) == (before.st_ino, before.st_mtime_ns, before.st_size)


def test_a_file_that_a_killed_call_had_published_is_not_written_to(
    fetcher: Fetcher, site: Website, inbox: Path, picture: bytes, another: bytes
) -> None:
    with open_partial(inbox, site.url("/beach.png")) as partial:
        partial.restart(PartFacts(etag='"v1"'))
        partial.add(picture)
    temporary = next(file for file in inbox.iterdir() if "facts" not in file.name)
    os.link(temporary, inbox / "beach.png")  # published, and killed before the other name was taken away
    site.pages["/beach.png"] = serve(another, ETag='"v2"')
    assert fetcher.fetch(site.url("/beach.png")).path == inbox / "beach-2.png"
    assert (inbox / "beach.png").read_bytes() == picture
    assert names_in(inbox) == ["beach-2.png", "beach.png"]


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"etag": 5, "modified": null}'])
def test_a_damaged_version_file_loses_only_the_partial_file(
    content: bytes, fetcher: Fetcher, site: Website, inbox: Path, picture: bytes
) -> None:
    interrupted(fetcher, site, picture, ETag='"v1"')
    next(inbox.glob("*.facts.tmp")).write_bytes(content)
    site.pages["/beach.png"] = serve(picture, ETag='"v1"')
    assert fetcher.fetch(site.url("/beach.png")).path.read_bytes() == picture


@pytest.mark.parametrize("code", ["404", "204", "500"])
def test_an_http_error_is_reported_with_its_code(code: str, fetcher: Fetcher, site: Website, inbox: Path) -> None:
    site.pages["/beach.png"] = lambda page: page.head(int(code), {"Content-Length": 0})
    with pytest.raises(FetchError, match=code):
        fetcher.fetch(site.url("/beach.png"))
    assert names_in(inbox) == []


@pytest.mark.parametrize(
    "to", ["http://[", "http://h:x/", "http://\x7f/", "data:,a", "https:nowhere", "http://" + "a" * 300]
)
def test_a_redirect_to_an_invalid_url_is_an_error(to: str, fetcher: Fetcher, site: Website) -> None:
    site.pages["/beach.png"] = redirect(to)
    with pytest.raises(FetchError):
        fetcher.fetch(site.url("/beach.png"))


def test_a_server_that_does_not_answer_is_an_error(fetcher: Fetcher, site: Website) -> None:
    url = site.url("/beach.png")
    site.server_close()
    with pytest.raises(FetchError, match="does not answer"):
        fetcher.fetch(url)


def test_of_several_addresses_the_first_that_answers_is_taken(site: Website, inbox: Path, picture: bytes) -> None:
    site.pages["/beach.png"] = serve(picture)
    names = Names(pictures_example=[["127.9.9.9", "127.0.0.1"]])
    assert Fetcher(inbox, ALLOWED, resolve=names).fetch(site.url("/beach.png")).bytes == len(picture)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
def test_a_certificate_is_checked_by_the_urls_name_not_by_the_address(
    site: Website, inbox: Path, picture: bytes, tmp_path: Path
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -addext subjectAltName=DNS:pictures.example"
    )
    subprocess.run([*make.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    here = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    here.load_cert_chain(certificate, key)
    site.socket = here.wrap_socket(site.socket, server_side=True)
    site.pages["/beach.png"] = serve(picture)
    trusted = ssl.create_default_context(cafile=str(certificate))
    fetcher = Fetcher(inbox, ALLOWED, resolve=NAMES, make_transport=lambda: httpx.AsyncHTTPTransport(verify=trusted))
    assert fetcher.fetch(site.url("/beach.png", scheme="https")).path.read_bytes() == picture
    with pytest.raises(FetchError, match="CERTIFICATE_VERIFY_FAILED"):
        fetcher.fetch(site.url("/beach.png", "other.example", "https"))
    with pytest.raises(FetchError, match="CERTIFICATE_VERIFY_FAILED"):
        Fetcher(inbox, ALLOWED, resolve=NAMES).fetch(site.url("/beach.png", scheme="https"))
