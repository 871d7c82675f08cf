"""Fault 59: a URL leads to this machine, to a private network, to too much or to nothing of ours. Real.

The server is one on loopback. Names are resolved by the test's own resolver; where an address of the internet is
needed, the connection that was meant for it takes a detour to that server.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import FetchSettings
from daemon.errors import FetchError, RefusedUrlError
from daemon.fetching.download import Fetcher, FetchLimits
from tests.fakes.web import PUBLIC, Detour, Names, Page, Website, interrupt, redirect, serve, website
from tests.support.running_jobs import draw
from tests.support.waiting import wait_for

FORBIDDEN = (
    "127.0.0.1 127.9.9.9 ::1 ::ffff:127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 100.64.0.1 fd00::1 ::ffff:192.168.1.1 "
    "169.254.169.254 ::ffff:169.254.169.254 fe80::1 fe80::1%lo 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::7f00:1 "
    "2002:7f00:1:: 2001:0:7f00:1::1 192.0.0.8 192.88.99.1 224.0.0.1 239.1.1.1 ff02::1 0.0.0.0 :: 255.255.255.255 "
    "240.0.0.1 198.18.0.1 192.0.2.1 2001:db8::1 fec0::1 ::127.0.0.1 100::1"
).split()


@pytest.fixture
def site() -> Iterator[Website]:
    with website() as site:
        yield site


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


@pytest.fixture
def picture(tmp_path: Path) -> bytes:
    return draw(tmp_path / "beach.png").read_bytes()


class Reach:
    """A fetcher that reaches the website at every public address."""

    def __init__(self, inbox: Path, site: Website, names: Names, **settings: int) -> None:
        self.hosts: list[str] = []
        limits = FetchLimits(base_seconds=0.8, idle_seconds=0.4, bytes_per_second=1e6)
        self._fetcher = Fetcher(
            inbox,
            FetchSettings.model_validate(settings),
            resolve=names,
            make_transport=lambda: Detour(site, self.hosts),
            limits=limits,
        )
        self.fetch = self._fetcher.fetch

    def refusal(self, url: str) -> str:
        with pytest.raises(RefusedUrlError) as refused:
            self.fetch(url)
        return refused.value.rule


def public() -> Names:
    return Names(pictures_example=[[PUBLIC]])


@pytest.mark.parametrize("address", FORBIDDEN)
def test_a_name_at_an_address_that_is_none_of_the_internet_is_refused_without_a_connection(
    address: str, site: Website, inbox: Path
) -> None:
    names = Names(pictures_example=[[PUBLIC, address]])
    with pytest.raises(RefusedUrlError, match=r"^pictures\.example: ") as refused:
        Fetcher(inbox, FetchSettings(), resolve=names).fetch(site.url("/beach.png"))
    assert refused.value.rule in {"private-address", "address"}
    assert site.requests == []
    assert list(inbox.iterdir()) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::ffff:7f00:1]"])
def test_this_machine_is_refused_in_every_spelling(host: str, site: Website, inbox: Path) -> None:
    with pytest.raises(RefusedUrlError) as refused:  # by the system's own resolver
        Fetcher(inbox, FetchSettings()).fetch(site.url("/beach.png", host))
    assert refused.value.rule == "private-address"
    assert site.requests == []


def test_private_addresses_are_fetched_from_where_that_is_allowed_but_a_clouds_secrets_are_not(
    site: Website, inbox: Path, picture: bytes
) -> None:
    site.pages["/beach.png"] = serve(picture)
    allowed = FetchSettings(private_addresses=True)
    assert Fetcher(inbox, allowed).fetch(site.url("/beach.png", "127.0.0.1")).path.read_bytes() == picture
    with pytest.raises(RefusedUrlError, match="link-local"):
        Fetcher(inbox, allowed).fetch("http://169.254.169.254/latest/meta-data/")


@pytest.mark.parametrize(
    "to",
    ["http://127.0.0.1/", "http://inside.example/", "http://169.254.169.254/latest", "//[::1]/", "//[64:ff9b::1]/"],
)
def test_a_redirect_to_a_forbidden_address_is_not_followed(to: str, site: Website, inbox: Path) -> None:
    site.pages["/beach.png"] = redirect(to)
    reach = Reach(inbox, site, Names(pictures_example=[[PUBLIC]], inside_example=[["10.0.0.1"]]))
    assert reach.refusal(site.url("/beach.png")) in {"private-address", "address"}
    assert reach.hosts == [PUBLIC]


def test_a_name_that_is_rebound_after_the_check_changes_nothing(site: Website, inbox: Path, picture: bytes) -> None:
    site.pages["/beach.png"] = serve(picture)
    names = Names(pictures_example=[[PUBLIC], ["127.0.0.1"]])
    reach = Reach(inbox, site, names)
    assert reach.fetch(site.url("/beach.png")).path.read_bytes() == picture
    assert (names.lookups, reach.hosts) == (["pictures.example"], [PUBLIC])
    assert site.requests[0][1]["Host"] == f"pictures.example:{site.server_port}"
    assert reach.refusal(site.url("/beach.png")) == "private-address"  # and the next call checks anew


def test_three_redirects_are_followed_and_a_fourth_is_not(site: Website, inbox: Path, picture: bytes) -> None:
    for number in range(4):
        site.pages[f"/{number}"] = redirect(f"/{number + 1}")
    site.pages["/4"] = serve(picture)
    reach = Reach(inbox, site, public())
    assert reach.fetch(site.url("/1")).path.name == "1.png"
    assert reach.refusal(site.url("/0")) == "redirects"


@pytest.mark.parametrize(
    "url", ["file:///etc/hostname", "ftp://pictures.example/a.png", "data:,a", "beach.png", "//x/y"]
)
def test_only_the_webs_own_schemes_are_fetched(url: str, site: Website, inbox: Path) -> None:
    reach = Reach(inbox, site, public())
    assert reach.refusal(url) == "scheme"
    if ":" in url:
        site.pages["/a"] = redirect(url)
        assert reach.refusal(site.url("/a")) == "scheme"


def test_a_file_that_is_announced_as_too_large_is_refused_at_once(site: Website, inbox: Path) -> None:
    site.pages["/beach.png"] = lambda page: page.head(200, {"Content-Length": 10**12})
    assert Reach(inbox, site, public()).refusal(site.url("/beach.png")) == "size"
    assert list(inbox.iterdir()) == []


def test_an_endless_file_is_cut_off_at_the_limit(site: Website, inbox: Path, picture: bytes) -> None:
    def endless(page: Page) -> None:
        page.head(200, {"Transfer-Encoding": "chunked", "ETag": '"1"'})
        page.wfile.write(b"%x\r\n%s\r\n" % (len(picture), picture))
        while True:
            page.wfile.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")

    site.pages["/beach.png"] = endless
    assert Reach(inbox, site, public(), max_bytes=2_000_000).refusal(site.url("/beach.png")) == "size"
    wait_for(lambda: site.hung_up == 1)
    assert list(inbox.iterdir()) == []


def test_a_file_that_is_shorter_than_announced_is_never_published(site: Website, inbox: Path, picture: bytes) -> None:
    site.pages["/beach.png"] = interrupt(picture, len(picture) - 1)
    with pytest.raises(FetchError, match="closed connection"):
        Reach(inbox, site, public()).fetch(site.url("/beach.png"))
    assert list(inbox.iterdir()) == []


def test_a_file_of_unknown_length_is_refused(site: Website, inbox: Path, picture: bytes) -> None:
    def unframed(page: Page) -> None:
        page.head(200)
        page.wfile.write(picture)

    site.pages["/beach.png"] = unframed
    with pytest.raises(FetchError, match="where the file ends"):
        Reach(inbox, site, public()).fetch(site.url("/beach.png"))


@pytest.mark.parametrize("slow_part", ["head", "body"])
def test_a_server_that_sends_too_slowly_is_given_up_though_it_is_never_idle(
    slow_part: str, site: Website, inbox: Path, picture: bytes
) -> None:
    def drip(page: Page) -> None:
        if slow_part == "head":
            page.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        else:
            page.head(200, {"Content-Length": 10**6})
            page.wfile.write(picture[:64])
        while True:
            page.wfile.write(b"x")
            time.sleep(0.1)

    site.pages["/beach.png"] = drip
    began = time.monotonic()
    with pytest.raises(FetchError, match=r"Too slow: a file may take 0\.8 s"):
        Reach(inbox, site, public()).fetch(site.url("/beach.png"))
    assert time.monotonic() - began < 3
    assert list(inbox.iterdir()) == []
    wait_for(lambda: site.hung_up == 1)


def test_what_is_no_picture_or_video_is_refused_whatever_it_is_called(site: Website, inbox: Path) -> None:
    site.pages["/beach.png"] = serve(b"<html>" + bytes(1000), Content_Type="image/png")
    assert Reach(inbox, site, public()).refusal(site.url("/beach.png")) == "content"
    assert list(inbox.iterdir()) == []


def test_a_compressed_response_is_refused(site: Website, inbox: Path) -> None:
    site.pages["/beach.png"] = serve(bytes(100), Content_Encoding="gzip")
    assert Reach(inbox, site, public()).refusal(site.url("/beach.png")) == "encoding"


def test_a_proxy_of_the_environment_is_not_used(
    site: Website, inbox: Path, picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    site.pages["/beach.png"] = serve(picture)
    names = Names(pictures_example=[["127.0.0.1"]])
    fetched = Fetcher(inbox, FetchSettings(private_addresses=True), resolve=names).fetch(site.url("/beach.png"))
    assert fetched.path.read_bytes() == picture
