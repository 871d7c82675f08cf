from __future__ import annotations

from dataclasses import replace

from daemon.evaluation.report.case_views import suite_views
from daemon.evaluation.report.page import CaseView
from storage.evaluation.evaluation_records import MOST_THUMBNAIL_BYTES, CaseResult, Opinion, WitnessVerdict
from tests.support.reports import answered, loading


def view(*repeats: CaseResult) -> CaseView:
    return suite_views(repeats)[0].cases[0]


def test_the_worst_repeat_tells_the_verdict_and_the_reason() -> None:
    found = view(answered(1), replace(answered(1, 1, is_right=False), repeat=1))
    assert (found.verdict, found.score) == ("partly", "67 %")
    assert found.reason == 'Contains "green": The answer lacks "green".'
    assert found.answers == (
        "1 × A large green square in the center on a white background.",
        "1 × There is a blue square.",
    )


def test_a_right_answer_has_the_reasons_why() -> None:
    found = view(answered(1))
    assert found.verdict == "passed"
    assert found.reason == 'The answer holds "green". The answer has 1 sentence.'


def test_an_error_a_skipped_case_and_a_measurement_have_verdicts_of_their_own() -> None:
    failed = replace(answered(1), error="The file is damaged.", answer="", checks=(), score=0.0)
    skipped = replace(answered(1), skipped="scikit-image is not installed.", answer="", checks=(), score=0.0)
    assert (view(failed).verdict, view(failed).reason) == ("error", "The file is damaged.")
    assert (view(skipped).verdict, view(skipped).reason) == ("not tried", "scikit-image is not installed.")
    assert view(loading()).verdict == "measured"


def test_figures_have_units_and_how_they_were_measured_and_absent_ones_say_so() -> None:
    figures = view(loading()).figures
    assert figures is not None
    assert figures.rows == (
        ("load, cold", "4.06 s", "Wall clock, from nothing to a model that can answer."),
        ("memory", "730 MB", "Resident memory after loading."),
    )
    assert figures.note == "Not measured here: load on mps. This machine has no Apple GPU."


def test_cases_are_counted_by_verdict() -> None:
    (suite,) = suite_views([answered(1), answered(5, is_right=False), answered(9)])
    assert suite.summary == "2 passed · 1 partly"


def test_a_thumbnail_is_inside_the_page_unless_it_is_too_large() -> None:
    assert view(answered(1)).thumbnail.startswith("data:image/jpeg;base64,")
    assert view(replace(answered(1), thumbnail=bytes(MOST_THUMBNAIL_BYTES + 1))).thumbnail == ""
    assert view(replace(answered(1), thumbnail=None)).thumbnail == ""


def test_a_witness_opinion_is_told_and_changes_no_verdict() -> None:
    opinion = Opinion(
        witness="text", verdict=WitnessVerdict.DISAGREES, reason='It read "EXIT": 0 of 1 words are in it.'
    )
    found = view(replace(answered(1), opinion=opinion))
    assert found.notes == ('The text witness does not agree. It read "EXIT": 0 of 1 words are in it.',)
    assert found.verdict == "passed"


def test_a_time_taken_beside_a_daemon_is_marked() -> None:
    assert "not comparable" in view(replace(answered(1), is_shared=True)).notes[0]
