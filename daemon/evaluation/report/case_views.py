"""The results of a run as cases to read: all repeats of a case together, with verdict, reason and thumbnail."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence

from daemon.evaluation.report.page import CaseView, CheckView, SuiteView, Table, capital, sentence, short
from storage.evaluation.evaluation_records import MOST_THUMBNAIL_BYTES, CaseResult, Figure

PASSED, PARTLY, FAILED, ERROR, SKIPPED, MEASURED = "passed", "partly", "failed", "error", "not tried", "measured"
VERDICTS = (PASSED, PARTLY, FAILED, ERROR, MEASURED, SKIPPED)
#: Answers of a case that are shown; further repeats are counted.
MOST_ANSWERS = 4


def suite_views(results: Iterable[CaseResult]) -> list[SuiteView]:
    """Suites and their cases, in the order in which they came."""
    suites: dict[str, dict[str, list[CaseResult]]] = {}
    for result in results:
        suites.setdefault(result.suite, {}).setdefault(result.case, []).append(result)
    return [suite_view(suite, list(cases.values())) for suite, cases in suites.items()]


def suite_view(suite: str, cases: Sequence[list[CaseResult]]) -> SuiteView:
    views = tuple(map(case_view, cases))
    counts = {verdict: sum(view.verdict == verdict for view in views) for verdict in VERDICTS}
    summary = " · ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    return SuiteView(name=suite, summary=summary, cases=views)


def case_view(repeats: Sequence[CaseResult]) -> CaseView:
    """The verdict is that of the worst repeat: a case that fails once in three is not right."""
    worst = min(repeats, key=lambda result: (result.error is None, result.score))
    verdict = verdict_of(worst)
    return CaseView(
        suite=worst.suite,
        name=worst.case,
        inputs=worst.inputs,
        question=worst.question,
        answers=answers_of(repeats),
        verdict=verdict,
        score=f"{100 * sum(each.score for each in repeats) / len(repeats):.0f} %" if worst.checks else "",
        reason=reason_of(worst),
        checks=tuple(
            CheckView(passed=check.passed, expected=check.expected, reason=check.reason) for check in worst.checks
        ),
        figures=figure_table(worst.figures),
        notes=tuple(dict.fromkeys(note for result in repeats for note in notes_of(result))),
        thumbnail=thumbnail_uri(next((each.thumbnail for each in repeats if each.thumbnail), None)),
    )


def verdict_of(result: CaseResult) -> str:
    if result.skipped is not None:
        return SKIPPED
    if result.error is not None:
        return ERROR
    if not result.checks:
        return MEASURED
    if all(check.passed for check in result.checks):
        return PASSED
    return PARTLY if result.score > 0 else FAILED


def reason_of(result: CaseResult) -> str:
    """Why it is not right, else why it is."""
    if no_answer := result.error or result.skipped:
        return no_answer
    failed = [f"{capital(check.expected)}: {check.reason}" for check in result.checks if not check.passed]
    reasons = failed or [check.reason for check in result.checks]
    return " ".join(reasons)


def answers_of(repeats: Sequence[CaseResult]) -> tuple[str, ...]:
    """Different answers, the most frequent first, with how often each came."""
    counts: dict[str, int] = {}
    for result in repeats:
        if result.answer:
            counts[result.answer] = counts.get(result.answer, 0) + 1
    found = sorted(counts, key=lambda answer: -counts[answer])
    shown = [answer if len(repeats) == 1 else f"{counts[answer]} × {answer}" for answer in found[:MOST_ANSWERS]]
    more = len(found) - len(shown)
    return (*shown, f"… and {more} other answers") if more > 0 else tuple(shown)


def notes_of(result: CaseResult) -> list[str]:
    shared = "A daemon used the device meanwhile: its times are not comparable." if result.is_shared else None
    opinion = result.opinion
    witness = f"The {opinion.witness} witness {opinion.verdict}. {sentence(opinion.reason)}" if opinion else None
    return [note for note in (result.note, witness, shared) if note]


def figure_table(figures: Sequence[Figure]) -> Table | None:
    """The figures that were measured; below them the others, by the reason why not."""
    rows = tuple((figure.name, amount(figure), figure.note) for figure in figures if figure.value is not None)
    reasons: dict[str, list[str]] = {}
    for figure in figures:
        if figure.value is None:
            reasons.setdefault(figure.note, []).append(figure.name)
    note = " ".join(f"Not measured here: {', '.join(names)}. {sentence(why)}" for why, names in reasons.items())
    return Table(("figure", "value", "how it was measured"), rows, note) if figures else None


def amount(figure: Figure) -> str:
    """A value with its unit; bytes in MB."""
    value = figure.value or 0.0
    if figure.unit == "bytes":
        return f"{value / 1e6:,.0f} MB"
    return f"{short(value)} {figure.unit}".strip()


def thumbnail_uri(jpeg: bytes | None) -> str:
    """Empty for none, and for one that would make the page too large."""
    if jpeg is None or len(jpeg) > MOST_THUMBNAIL_BYTES:
        return ""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
