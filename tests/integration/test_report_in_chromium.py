"""The report in a real browser: nothing is logged or requested, and all of it fits a desk and a telephone.

`-s` prints where the screenshots are.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.evaluation.report.compose import MeasuredRun, ReportInput, page_of
from daemon.evaluation.report.daemon_history import history_view
from daemon.evaluation.report.rendering import to_html
from tests.support.chromium import Browser, browser, needs_chromium
from tests.support.reports import (
    EARLIER,
    FAILURES,
    NOW,
    RUN,
    hostile,
    loading,
    past_work,
    results_of,
    stress,
)

CASES = 300
WIDTHS, SCHEMES = (1280, 390), ("light", "dark")
#: Pictures that could not be shown.
BROKEN = "[...document.images].filter(image => image.complete && !image.naturalWidth && !{}).length"
#: Whether a picture is one of those thumbnails that are no JPEG.
HOSTILE_THUMBNAIL = "image.closest('details').querySelector('h3')?.textContent == 'hostile'"
WIDER = "document.documentElement.scrollWidth > window.innerWidth"
PAPER = "getComputedStyle(document.body).backgroundColor"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs_chromium()
    results = (loading(), *results_of(CASES), stress(), *hostile())
    given = ReportInput(
        subject=MeasuredRun(RUN, results),
        measured=(),
        earlier=MeasuredRun(EARLIER, tuple(results_of(CASES, wrong=0.1, seed=2))),
        history=history_view(past_work(), FAILURES, NOW),
        now=NOW,
    )
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(to_html(page_of(given)), encoding="utf-8")
    print(file)
    return file


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory, page: Path) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_page_logs_nothing_requests_nothing_and_fits(
    chromium: Browser, page: Path, width: int, scheme: str
) -> None:
    visit = chromium.open(page, width=width, scheme=scheme)
    assert not chromium.value(WIDER)
    assert chromium.value(BROKEN.format(HOSTILE_THUMBNAIL)) == 0
    assert chromium.value(PAPER) == ("rgb(20, 23, 28)" if scheme == "dark" else "rgb(247, 245, 240)")
    chromium.screenshot(page.with_name(f"{scheme}-{width}.png"), width=width)
    assert visit.log == []
    assert [address for address in visit.requests if not address.startswith("data:")] == [page.as_uri()]


def test_the_page_can_be_read_without_javascript(chromium: Browser, page: Path) -> None:
    visit = chromium.open(page, width=1280, scheme="light", script=False)
    tree = chromium.call("Accessibility.getFullAXTree")["nodes"]
    names = {node.get("name", {}).get("value") for node in tree}
    assert {"Targets of the testing plan", "Factual accuracy", "Cases"} <= names
    assert visit.log == []


def test_what_a_page_must_not_do_is_seen(chromium: Browser, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text("<script>console.error('no')</script><img src='http://127.0.0.1:9/x.png'>", encoding="utf-8")
    visit = chromium.open(bad, width=390, scheme="dark")
    assert "http://127.0.0.1:9/x.png" in visit.requests
    assert any("no" in line for line in visit.log)
