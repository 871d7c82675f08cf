"""How much repeated answers agree: greedy ones, and sampled ones over seeds and temperatures. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, pvariance

from daemon.inference.answers.checks import words_of
from storage.evaluation.evaluation_records import CaseResult

AGREEMENT_FORMULA = "share of pairs of repeats with the same words"
LIKENESS_FORMULA = "mean share of words that two repeats have in common (Jaccard)"
VARIANCE_FORMULA = "mean over the cases of the variance of their scores (0 to 1) over the repeats"


@dataclass(frozen=True, kw_only=True)
class Consistency:
    """Of all repeated cases with one temperature. `agreement` and `likeness`: 0 to 1; see the formulas."""

    temperature: float
    has_one_seed: bool
    cases: int
    repeats: int
    agreement: float
    likeness: float
    variance: float


def consistencies(results: Iterable[CaseResult]) -> list[Consistency]:
    """One for each temperature; sampled cases that repeat one seed are apart from those with different ones."""
    by_case: dict[Hashable, list[CaseResult]] = {}
    for result in results:
        if result.question and result.error is None and result.skipped is None:
            by_case.setdefault((result.suite, result.case), []).append(result)
    groups: dict[tuple[float, bool], list[list[CaseResult]]] = {}
    for repeats in by_case.values():
        if len(repeats) > 1:
            has_one_seed = len({result.seed for result in repeats}) == 1
            groups.setdefault((repeats[0].temperature, has_one_seed), []).append(repeats)
    return [
        Consistency(
            temperature=temperature,
            has_one_seed=has_one_seed,
            cases=len(cases),
            repeats=sum(map(len, cases)),
            agreement=fmean(agreement([result.answer for result in repeats]) for repeats in cases),
            likeness=fmean(likeness([result.answer for result in repeats]) for repeats in cases),
            variance=fmean(pvariance([result.score for result in repeats]) for repeats in cases),
        )
        for (temperature, has_one_seed), cases in sorted(groups.items())
    ]


def agreement(answers: Sequence[str]) -> float:
    """The share of pairs with the same words in the same order; 1 for fewer than two answers."""
    pairs = list(combinations([words_of(answer) for answer in answers], 2))
    return fmean(one == other for one, other in pairs) if pairs else 1.0


def likeness(answers: Sequence[str]) -> float:
    """The mean Jaccard index of the sets of words; 1 for fewer than two answers."""
    pairs = list(combinations([set(words_of(answer)) for answer in answers], 2))
    return fmean(len(one & other) / len(one | other) if one | other else 1.0 for one, other in pairs) if pairs else 1.0
