from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.lock import HomeLock
from tests.fakes.web import Website, serve, website
from tests.support.running_jobs import draw
from tests.unit.cli.conftest import CliHome


@pytest.fixture
def site(home: CliHome) -> Iterator[Website]:
    """A server on this machine with one picture, from which the home may fetch."""
    with website() as site:
        site.pages["/beach.png"] = serve(draw(home.settings.home / "drawn.png").read_bytes())
        site.pages["/page.png"] = serve(b"<html></html>")
        yield site


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMOLWATCH_FETCH__PRIVATE_ADDRESSES", "true")


@pytest.mark.usefixtures("allowed")
def test_a_fetched_file_is_in_the_inbox_and_waits_for_a_daemon(home: CliHome, site: Website) -> None:
    result = home.invoke("add", site.url("/beach.png", "localhost"))
    assert result.exit_code == 0
    assert re.fullmatch(r"beach\.png is in the inbox \(png, \d+ bytes\)\n", result.stdout)
    assert "No daemon is running" in result.stderr
    assert (home.inbox / "beach.png").exists()
    with HomeLock(home.settings.lock_file):
        assert home.invoke("add", site.url("/beach.png", "localhost")).stderr == ""


def test_private_addresses_are_refused_unless_a_setting_allows_them(home: CliHome, site: Website) -> None:
    result = home.invoke("add", site.url("/beach.png", "localhost"))
    assert result.exit_code == 5
    assert "is an address of this machine itself." in result.stderr
    assert "private_addresses = true" in result.stderr
    assert list(home.inbox.iterdir()) == []


@pytest.mark.usefixtures("allowed")
def test_each_url_has_a_result_and_the_first_failure_gives_the_exit_code(home: CliHome, site: Website) -> None:
    urls = ["http://127.0.0.1:1/", site.url("/page.png", "localhost"), site.url("/beach.png", "localhost"), "file:///x"]
    result = home.invoke("add", "--json", *urls)
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert [one["url"] for one in found] == urls
    assert [one.get("rule") for one in found] == [None, "content", None, "scheme"]
    here = home.inbox / "beach.png"
    assert found[2] == {"url": urls[2], "path": str(here), "bytes": here.stat().st_size, "format": "png"}
    assert "error" in found[0]


def test_a_local_file_is_copied_into_the_inbox_and_the_original_stays(home: CliHome, tmp_path: Path) -> None:
    picture = draw(tmp_path / "beach.png")
    result = home.invoke("add", str(picture))
    assert result.exit_code == 0
    assert re.fullmatch(r"beach\.png is in the inbox \(png, \d+ bytes\)\n", result.stdout)
    assert (home.inbox / "beach.png").read_bytes() == picture.read_bytes()
    assert [file.name for file in home.inbox.iterdir()] == ["beach.png"]


def test_local_files_have_the_limits_of_fetched_ones(
    home: CliHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMOLWATCH_FETCH__MAX_BYTES", "100")
    (tmp_path / "page.png").write_bytes(b"<html></html>")
    result = home.invoke("add", "--json", str(tmp_path / "page.png"), str(draw(tmp_path / "beach.png")), str(tmp_path))
    assert result.exit_code == 5
    assert [one.get("rule") for one in json.loads(result.stdout)] == ["content", "size", None]
    assert list(home.inbox.iterdir()) == []


@pytest.mark.parametrize(
    "text", ["foo", "nowhere/beach.jpg", "file:///nowhere/beach.jpg", "localhost:80/beach.jpg", ""]
)
def test_what_is_neither_a_web_address_nor_a_file_is_refused_with_what_to_do(home: CliHome, text: str) -> None:
    result = home.invoke("add", text)
    assert result.exit_code == 5
    assert result.stderr.splitlines() == [
        f'smolwatch: "{text}" is not a web address (http:// or https://).',
        f"  For a local file, copy it into {home.inbox}.",
    ]


def test_an_inbox_that_cannot_be_one_is_refused_before_anything_is_fetched(home: CliHome, site: Website) -> None:
    home.settings.config_file.write_text('[inbox]\npath = "."\n')
    result = home.invoke("add", site.url("/beach.png", "localhost"))
    assert result.exit_code == 78
    assert "is smolwatch's own home" in result.stderr
    assert site.requests == []


def test_control_characters_of_a_url_are_escaped(home: CliHome) -> None:
    result = home.invoke("add", "http://\x1b[2J/")
    assert result.exit_code == 5
    assert "\x1b" not in result.stderr


def test_a_missing_inbox_is_an_error(home: CliHome) -> None:
    home.inbox.rmdir()
    elsewhere = home.settings.home / "config" / "smolwatch.toml"
    elsewhere.write_text('[inbox]\npath = "/nowhere/at/all"\n')
    result = home.invoke("add", "http://pictures.example/beach.png")
    assert result.exit_code == 3
    assert "/nowhere/at/all" in result.stderr
