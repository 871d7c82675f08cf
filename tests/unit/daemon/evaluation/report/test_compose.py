from __future__ import annotations

from dataclasses import replace

from daemon.evaluation.bench.matrix import SUITE, VIDEO_64
from daemon.evaluation.report.compose import MeasuredRun, ReportInput, page_of
from daemon.evaluation.report.page import Page
from storage.evaluation.evaluation_records import CaseResult, EvaluationRun, Figure
from tests.support.reports import NOW, RUN, answered, loading

MATRIX_RUN = replace(RUN, id=8, suites=(SUITE,))
VIDEO = replace(
    loading(),
    suite=SUITE,
    case="video-by-length",
    figures=(Figure(name=VIDEO_64, value=9.0, unit="s", note="Median."),),
)


def page(run: EvaluationRun = RUN, *results: CaseResult, performance: EvaluationRun | None = MATRIX_RUN) -> Page:
    matrix = (MeasuredRun(performance, (VIDEO,)),) if performance else ()
    subject = MeasuredRun(run, results or (answered(1),))
    return page_of(ReportInput(subject=subject, measured=matrix, earlier=None, history=None, now=NOW))


def test_machine_model_and_weights_are_named() -> None:
    facts = dict(page().facts)
    assert facts["Weights"] == "digest blake2b:5a0c3e9d77aa41f2"
    assert facts["Machine"] == "AMD EPYC 9B14 · Linux x86_64 · 2 cores · 2 threads · 24.0 GB memory"
    assert "torch 2.13.0" in facts["Libraries"] and "Python 3.11.2" in facts["Libraries"]
    assert facts["Engine"] == "torch · cpu · bfloat16 · precision auto · detail balanced"


def test_an_interrupted_run_says_how_to_go_on() -> None:
    (notice,) = page(replace(RUN, finished=12, model_id="m")).notices
    assert notice == "The run is not complete: 12 of 300 results. Continue it with: smolwatch evaluate --resume 7"


def test_a_shared_device_the_demo_model_and_other_weights_are_told_first() -> None:
    other = replace(MATRIX_RUN, weights_digest="ffff", model_id="random500", machine={"cpu": "M3"})
    notices = page(replace(RUN, is_shared=True), performance=other).notices
    assert len(notices) == 4
    assert "not comparable" in notices[0] and "demo model" in notices[1] and "random500" in notices[2]
    assert "another machine" in notices[3]


def test_the_matrix_is_a_table_and_counts_for_the_targets() -> None:
    found = page()
    assert found.matrix[0][0] == "Video by length"
    assert "A video of 64 frames" in {row.name for row in found.targets if row.measured == "9 s"}
    assert page(performance=None).matrix == ()


def test_the_tiles_count_the_targets_that_were_measured() -> None:
    tiles = page().tiles
    assert (tiles[0].label, tiles[0].value, tiles[0].note) == ("Targets met", "7 of 7", "4 not measured here")
    assert {tile.label: tile.verdict for tile in tiles[1:]}["Factual accuracy"] == "met"


def test_the_matrix_alone_is_a_report_without_cases() -> None:
    run = MeasuredRun(MATRIX_RUN, (VIDEO,))
    found = page_of(ReportInput(subject=run, measured=(run,), earlier=None, history=None, now=NOW))
    assert found.suites == ()
    assert found.matrix
