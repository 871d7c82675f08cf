from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from daemon.lock import HomeLock
from tests.fakes.web import Website, serve, website
from tests.support.holding import draw
from tests.unit.cli.conftest import House


@pytest.fixture
def site(house: House) -> Iterator[Website]:
    """A server on this machine with one picture, from which the house may fetch."""
    with website() as site:
        site.pages["/beach.png"] = serve(draw(house.settings.home / "drawn.png").read_bytes())
        site.pages["/page.png"] = serve(b"<html></html>")
        yield site


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMOLWATCH_FETCH__PRIVATE_ADDRESSES", "true")


@pytest.mark.usefixtures("allowed")
def test_a_fetched_file_stands_in_the_inbox_and_waits_for_a_daemon(house: House, site: Website) -> None:
    result = house.ask("add", site.url("/beach.png", "localhost"))
    assert result.exit_code == 0
    assert re.fullmatch(r"beach\.png is in the inbox \(png, \d+ bytes\)\n", result.stdout)
    assert "No daemon is running" in result.stderr
    assert (house.inbox / "beach.png").exists()
    with HomeLock(house.settings.lock_file):
        assert house.ask("add", site.url("/beach.png", "localhost")).stderr == ""


def test_private_addresses_are_refused_unless_a_setting_allows_them(house: House, site: Website) -> None:
    result = house.ask("add", site.url("/beach.png", "localhost"))
    assert result.exit_code == 5
    assert "is an address of this machine itself." in result.stderr
    assert "private_addresses = true" in result.stderr
    assert list(house.inbox.iterdir()) == []


@pytest.mark.usefixtures("allowed")
def test_each_url_is_answered_for_and_the_first_failure_gives_the_exit_code(house: House, site: Website) -> None:
    urls = ["http://127.0.0.1:1/", site.url("/page.png", "localhost"), site.url("/beach.png", "localhost"), "file:///x"]
    result = house.ask("add", "--json", *urls)
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert [one["url"] for one in found] == urls
    assert [one.get("rule") for one in found] == [None, "content", None, "scheme"]
    here = house.inbox / "beach.png"
    assert found[2] == {"url": urls[2], "path": str(here), "bytes": here.stat().st_size, "format": "png"}
    assert "error" in found[0]


def test_a_url_that_steers_a_terminal_is_written_out(house: House) -> None:
    result = house.ask("add", "http://\x1b[2J/")
    assert result.exit_code == 5
    assert "\x1b" not in result.stderr


def test_a_missing_inbox_is_told(house: House) -> None:
    house.inbox.rmdir()
    elsewhere = house.settings.home / "config" / "smolwatch.toml"
    elsewhere.write_text('[inbox]\npath = "/nowhere/at/all"\n')
    result = house.ask("add", "http://pictures.example/beach.png")
    assert result.exit_code == 3
    assert "/nowhere/at/all" in result.stderr
