from __future__ import annotations

from pathlib import Path

import pytest

from cli.render import console, path_json, safe_path, say_table, size


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (2_713_004, "2.7 MB"), (2_000_000_000, "2.0 GB"), (9e15, "9000.0 TB")],
)
def test_sizes_are_for_people(count: float, shown: str) -> None:
    assert size(count) == shown


def test_paths_are_short_within_the_inbox_and_whole_elsewhere() -> None:
    assert safe_path(b"/home/inbox/a/b.jpg", Path("/home/inbox")) == "a/b.jpg"
    assert safe_path(b"/home/inbox2/b.jpg", Path("/home/inbox")) == "/home/inbox2/b.jpg"


def test_only_undecodable_paths_are_given_twice() -> None:
    assert path_json("/ü.jpg".encode()) == {"path": "/ü.jpg"}
    assert path_json(b"/\xff.jpg") == {"path": "/\udcff.jpg", "path_b64": "L/8uanBn"}


def test_a_piped_table_breaks_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    say_table(("file", "caption"), [("a.jpg", "word " * 60), ("b.jpg", "[red]plain[/red]")])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert "[red]plain[/red]" in lines[3]


def test_colours_are_left_out_when_they_are_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert console().no_color
