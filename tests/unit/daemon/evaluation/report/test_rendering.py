from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from daemon.evaluation.report.compose import MeasuredRun, ReportInput, page_of
from daemon.evaluation.report.daemon_history import history_view
from daemon.evaluation.report.page import Page
from daemon.evaluation.report.rendering import (
    escape_markdown,
    is_html_report,
    is_markdown_report,
    to_html,
    to_markdown,
)
from storage.evaluation.evaluation_records import MOST_THUMBNAIL_BYTES
from tests.support.reports import (
    EARLIER,
    FAILURES,
    HOSTILE,
    NOW,
    RUN,
    answered,
    hostile,
    loading,
    past_work,
    results_of,
)

#: Everything that the page's own template uses.
TAGS = set(
    "html head meta title link style body header main footer section nav h1 h2 h3 h4 p a ul li span b table thead "
    "tbody tr th td figure figcaption picture source img details summary div dl dt dd article blockquote".split()
)
MOST_BYTES = 5_000_000


class Elements(HTMLParser):
    """Tags, and attributes with their values."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]


@pytest.fixture(scope="module")
def page() -> Page:
    """A page with everything, and with hostile text everywhere."""
    results = (loading(), *results_of(6, repeats=2), *hostile())
    earlier = MeasuredRun(EARLIER, (*results_of(6, seed=2, wrong=0.5),))
    history = history_view(past_work(days=3), FAILURES | {(HOSTILE[0], HOSTILE[1]): 1}, NOW)
    return page_of(
        ReportInput(subject=MeasuredRun(RUN, results), measured=(), earlier=earlier, history=history, now=NOW)
    )


@pytest.fixture(scope="module")
def html(page: Page) -> str:
    return to_html(page)


def test_the_page_has_no_script_and_nothing_from_elsewhere(html: str) -> None:
    found = Elements(html)
    assert found.tags == TAGS
    assert not [name for _, name, _ in found.attributes if name.startswith("on") or name == "style"]
    addresses = [value for _, name, value in found.attributes if name in ("src", "srcset", "href")]
    assert addresses
    assert [
        value[:30] for value in addresses if not re.match(r"data:image/(jpeg|svg\+xml);base64,|data:,$|#[a-z]+$", value)
    ] == []


def test_the_policy_allows_the_style_and_pictures_of_the_page_alone(html: str) -> None:
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy and "script" not in policy
    assert len(re.findall(r"<style>", html)) == 1


def test_hostile_text_is_shown_as_text(html: str) -> None:
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "{{ 7 * 7 }}" in html
    assert r"\u202ereversed\x1b[31m\x00" in html
    assert "\u202e" not in html and "\x00" not in html


def test_all_parts_can_be_reached_by_the_links_at_the_top(html: str) -> None:
    assert set(re.findall(r'href="#(\w+)"', html)) == set(re.findall(r'<section id="(\w+)"', html))


def test_the_markdown_says_the_same(page: Page) -> None:
    text = to_markdown(page)
    for row in page.targets:
        assert f"| {row.name} | {row.target} | {escape_markdown(row.measured)} | **{row.verdict}** |" in text
    for chart in (*page.quality, *page.speed):
        assert escape_markdown(chart.measured) in text
    for suite in page.suites:
        for case in suite.cases:
            assert f"#### {escape_markdown(case.name)}: {case.verdict}" in text
    assert text.count("\n## ") == 7


def test_hostile_text_is_no_markup_in_markdown(page: Page) -> None:
    text = to_markdown(page)
    assert "<script" not in re.sub(r"\\<", "", text)
    assert not re.search(r"(?<!\\)!\[|(?<!\\)\]\(", text)
    assert not [line for line in text.splitlines() if line.startswith("|") and not line.endswith("|")]


def test_a_report_is_known_as_ours_and_another_page_is_not(page: Page, html: str) -> None:
    assert is_html_report(html.encode()) and is_markdown_report(to_markdown(page).encode())
    assert not is_html_report(b"<!doctype html><title>My own page</title>")
    assert not is_markdown_report(b"# My notes")
    assert not is_markdown_report(html.encode())


def test_a_page_of_three_hundred_cases_has_at_most_five_megabytes() -> None:
    largest = bytes(MOST_THUMBNAIL_BYTES)
    padded = [replace(answered(number), thumbnail=largest, answer="A word. " * 100) for number in range(300)]
    whole = page_of(
        ReportInput(subject=MeasuredRun(RUN, tuple(padded)), measured=(), earlier=None, history=None, now=NOW)
    )
    assert len(to_html(whole).encode()) <= MOST_BYTES
