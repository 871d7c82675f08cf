"""Hallucination without a known truth: words of a long answer that no other answer about the same media has. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from daemon.evaluation.metrics.mentions import plurals
from daemon.inference.answers.checks import words_of
from storage.evaluation.evaluation_records import CaseResult

FORMULA = "words of four letters and more in the longest answer about some media that no other answer about them has"
LEAST_LETTERS = 4
#: Words that name nothing.
EMPTY = set(
    "this that these those there their they with from into over under have has been being which where when what while "
    "some other also very more most many much appears seems shown shows image picture photo video clip frame scene "
    "background foreground".split()
)


def unsupported_share(results: Iterable[CaseResult]) -> float | None:
    """The share of such words, over all media with two answers or more; None if there are none."""
    by_media: dict[Hashable, list[str]] = {}
    for result in results:
        if result.inputs and result.answer and result.repeat == 0:
            by_media.setdefault(result.inputs, []).append(result.answer)
    counted = missing = 0
    for answers in by_media.values():
        if len(answers) < 2:
            continue
        longest = max(answers, key=lambda answer: len(words_of(answer)))
        others = {form for answer in answers if answer is not longest for w in words_of(answer) for form in plurals(w)}
        named = {word for word in words_of(longest) if len(word) >= LEAST_LETTERS and word not in EMPTY}
        counted += len(named)
        missing += sum(not others & set(plurals(word)) for word in named)
    return missing / counted if counted else None
