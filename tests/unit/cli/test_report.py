from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from daemon.evaluation.bench.matrix import SUITE
from storage.evaluation.evaluation_records import EvaluationRun, NewRun
from storage.evaluation.evaluation_store import EvaluationStore
from tests.support.reports import RUN, loading, results_of
from tests.unit.cli.conftest import CliHome


def evaluated(home: CliHome, *, wrong: float = 0.2, suites: tuple[str, ...] = ("image",)) -> EvaluationRun:
    """A finished run in the home's database."""
    store = EvaluationStore(home.opened(), home.clock.now)
    results = [loading(), *results_of(8, wrong=wrong)]
    values = {each.name: getattr(RUN, each.name) for each in fields(NewRun)}
    run = store.begin(replace(NewRun(**values), suites=suites, planned=len(results)))
    for result in results:
        store.add(run.id, result)
    store.end(run.id)
    return run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_without_a_database_or_a_run_it_says_what_to_type(home: CliHome, folder: Path) -> None:
    for is_opened in (False, True):
        if is_opened:
            home.opened()
        result = home.invoke("report")
        assert result.exit_code == 3
        assert "There is no evaluation yet." in result.stderr
        assert "smolwatch evaluate" in result.stderr
    assert list(folder.iterdir()) == []


def test_the_page_is_written_into_the_current_folder_and_again_over_itself(home: CliHome, folder: Path) -> None:
    evaluated(home)
    home.describe()
    for _ in range(2):
        result = home.invoke("report")
        assert result.exit_code == 0, result.stderr
        assert re.fullmatch(r"Wrote smolwatch-report\.html \(.+ KB\)\n", result.stdout)
    (page,) = folder.iterdir()
    text = page.read_text(encoding="utf-8")
    assert "How well smolwatch-demo does" in text
    assert "1 files described" in text or "1 file described" in text
    assert page.stat().st_mode & 0o777 == 0o644


def test_markdown_alone_and_both_can_be_chosen(home: CliHome, folder: Path) -> None:
    evaluated(home)
    assert home.invoke("report", "--md", "r.md").exit_code == 0
    assert [file.name for file in folder.iterdir()] == ["r.md"]
    assert home.invoke("report", "--md", "r.md", "--html", "r.html").exit_code == 0
    assert sorted(file.name for file in folder.iterdir()) == ["r.html", "r.md"]
    assert "| Factual accuracy | at least 80 % |" in (folder / "r.md").read_text(encoding="utf-8")


def test_a_file_that_is_no_report_is_never_replaced(home: CliHome, folder: Path) -> None:
    evaluated(home)
    mine = folder / "mine.html"
    mine.write_text("<!doctype html>My own.", encoding="utf-8")
    result = home.invoke("report", "--html", "mine.html")
    assert result.exit_code == 1
    assert "smolwatch did not write" in result.stderr and "only an older report is replaced" in result.stderr
    assert mine.read_text(encoding="utf-8") == "<!doctype html>My own."


def test_a_folder_that_does_not_exist_is_named(home: CliHome, folder: Path) -> None:
    evaluated(home)
    result = home.invoke("report", "--html", "nowhere/r.html")
    assert result.exit_code == 3
    assert f"There is no folder {folder}/nowhere." in result.stderr


def test_the_run_before_is_what_the_newest_is_compared_with(home: CliHome, folder: Path) -> None:
    first = evaluated(home, wrong=0.0)
    second = evaluated(home, wrong=1.0)
    evaluated(home, suites=(SUITE,))
    home.invoke("report", "--md", "newest.md")
    assert f"## Against run {first.id} of" in (folder / "newest.md").read_text(encoding="utf-8")
    home.invoke("report", "--md", "one.md", "--runs", str(second.id))
    assert "## Against run" not in (folder / "one.md").read_text(encoding="utf-8")
    home.invoke("report", "--md", "other.md", "--runs", f"{first.id},{second.id}")
    assert f"## Against run {second.id} of" in (folder / "other.md").read_text(encoding="utf-8")


def test_an_unknown_run_is_not_found_and_words_are_wrong_usage(home: CliHome, folder: Path) -> None:
    run = evaluated(home)
    unknown = home.invoke("report", "--runs", "99")
    assert unknown.exit_code == 3
    assert f"There are: {run.id}" in unknown.stderr
    wrong = home.invoke("report", "--runs", "newest")
    assert wrong.exit_code == 2
    assert "no list of runs, such as 12 or 12,9" in wrong.stderr
