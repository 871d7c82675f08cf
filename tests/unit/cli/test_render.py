from __future__ import annotations

from pathlib import Path

import pytest

from cli.render import SEPARATOR, console, cut_end, cut_start, path_json, safe_path, say_table, shortened, size


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (2_713_004, "2.7 MB"), (2_000_000_000, "2.0 GB"), (9e15, "9000.0 TB")],
)
def test_sizes_are_for_people(count: float, shown: str) -> None:
    assert size(count) == shown


def test_paths_are_short_within_the_inbox_and_whole_elsewhere() -> None:
    assert safe_path(b"/home/inbox/a/b.jpg", [Path("/home/inbox")]) == "a/b.jpg"
    assert safe_path(b"/home/inbox2/b.jpg", [Path("/home/inbox")]) == "/home/inbox2/b.jpg"


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


COLUMNS = ("job", "file", "caption")
ROWS = [
    ("1", "holidays/2024/summer/IMG_0001.jpg", "A large red circle in the center on a white background."),
    ("2", "b.jpg", "Hi."),
]


@pytest.mark.parametrize("width", [30, 60])
def test_a_row_is_cut_to_one_line_of_the_terminal(width: int) -> None:
    rows = shortened(COLUMNS, ROWS, {"file": cut_start, "caption": cut_end}, width)
    needed = [max(len(cell) for cell in column) for column in zip(COLUMNS, *rows, strict=True)]
    assert sum(needed) + 2 * SEPARATOR <= width
    assert rows[0][1].endswith("0001.jpg") and rows[0][1].startswith("…")
    assert rows[0][2].startswith("A large") and rows[0][2].endswith("…")
    assert rows[1] == ("2", "b.jpg", "Hi.")


def test_a_row_that_fits_is_not_cut() -> None:
    assert shortened(COLUMNS, ROWS, {"file": cut_start, "caption": cut_end}, 120) == ROWS


def test_wide_characters_count_twice() -> None:
    assert cut_end("海辺の灯台", 7) == "海辺の…"
    assert cut_start("写真/灯台.jpg", 9) == "…灯台.jpg"
