"""Fault 58: a caption or name with ESC, bidi, NUL, `=cmd()`, `<script>`, `]()`, newline. Fake: no model says that.

One stands in that says what the test wants; from its answer on, all is real.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger
from markdown_it import MarkdownIt
from markdown_it.token import Token

from config.logs import set_up_logs
from config.safe_text import safe_text
from storage.lifecycle import JobState
from tests.support.publishing_home import PublishingHome

HOSTILE = (
    "=cmd|' /C calc'!A0 \x1b[31mred\x1b]0;owned\x07 \x9b2J \x00 \u202egnp.exe\u2066 \x7f "
    "<script>alert(1)</script> <!-- x --> &lt;b&gt; [in](http://evil.example) ![p](http://evil.example/p.png) "
    "http://evil.example www.evil.example <http://evil.example> `code` ~~x~~ $x$ | cell |\r\n"
    "# heading\n- item\n1. one\n> quote\n---\n```\nfence\n| a |\n| - |"
)
NAME = "\x1b[2J\u202e](x) <script> `y`\n# z.png"
STEERS = {chr(point) for point in (*range(0x20), 0x7F, *range(0x80, 0xA0), *range(0x202A, 0x202F))} - {"\n"}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[PublishingHome]:
    home = PublishingHome(tmp_path / "home")
    yield home
    home.close()


@pytest.fixture
def path(home: PublishingHome) -> bytes:
    """The file is described, in those words."""
    path = home.drop(NAME)
    home.work(HOSTILE)
    assert home.job(path).state is JobState.DONE
    return path


def inner(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from inner(token.children or [])


def test_the_command_line_writes_it_out(home: PublishingHome, path: bytes) -> None:
    caption = home.description(path).answers["caption"]
    for command in (("show", os.fsdecode(path)), ("why", os.fsdecode(path)), ("ls",), ("status",)):
        result = home.invoke(*command)
        assert not STEERS & set(result.output), command
    shown = home.invoke("show", os.fsdecode(path)).stdout
    assert "\n".join(f"  {safe_text(line)}" for line in caption.split("\n")) in shown, "all of it, line by line"
    assert not [line for line in shown.splitlines() if line.startswith(("#", "- item", ">"))]


@pytest.mark.parametrize(
    "answer", [HOSTILE, "<!-- the rest is hidden", "<script src=x", "- item", "| a |", "[x]: http://y"]
)
def test_the_markdown_shows_it_as_text_and_nothing_else(home: PublishingHome, answer: str) -> None:
    home.drop(NAME)
    home.work(answer)
    text = (home.inbox / f"{NAME}.md").read_bytes().decode()
    assert not STEERS & set(text)
    body = text.split("\n", 1)[1]  # the first line is our own comment
    tokens = list(inner(MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(body)))
    made = {token.type for token in tokens}
    harmful = (
        "html_block",
        "html_inline",
        "link_open",
        "image",
        "fence",
        "code_inline",
        "hr",
        "s_open",
        "list_item_open",
    )
    assert not made & {*harmful, "blockquote_open", "bullet_list_open", "ordered_list_open"}
    headings = [tokens[at + 1].content for at, token in enumerate(tokens) if token.type == "heading_open"]
    assert headings[1:] == ["Caption", "Summary", "Figures"]
    assert [token.type for token in tokens].count("table_open") == 1


def test_the_json_has_every_character_and_none_that_steers(home: PublishingHome, path: bytes) -> None:
    text = (home.inbox / f"{NAME}.smolwatch.json").read_bytes().decode()
    assert not STEERS & set(text)
    record = json.loads(text)
    assert record["file"]["name"] == NAME
    assert record["answers"] == home.description(path).answers
    shown = home.invoke("show", os.fsdecode(path), "--json").stdout
    assert shown.isascii()
    assert json.loads(shown)["answers"] == record["answers"]
    assert {"\x1b", "\x00", "\u202e"} <= set(record["answers"]["caption"]), "the model's answer is kept as it is"


def test_the_log_has_one_line_a_record(home: PublishingHome) -> None:
    set_up_logs(home.settings, role="worker", console=False)
    try:
        path = home.drop(NAME)
        home.work(HOSTILE)
        logger.info("{}", home.description(path).answers["caption"])
    finally:
        logger.remove()
    log = (home.settings.log_folder / "smolwatch.log").read_text()
    assert not STEERS & set(log)
    assert r"# z.png: done" in log
    assert all(line.startswith("20") for line in log.splitlines())


def test_a_hostile_name_that_is_refused_is_escaped_too(home: PublishingHome) -> None:
    file = home.inbox / f"{NAME}.part"
    file.touch()
    result = home.invoke("why", str(file))
    assert not STEERS & set(result.output)
    missing = home.invoke("show", str(home.inbox / f"\x1b[31m{NAME}"))
    assert missing.exit_code == 3
    assert not STEERS & set(missing.output)
