"""Checks an answer against what counts in its case. Pure: a case and a text in, verdicts out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from daemon.evaluation.metrics.mentions import mentions, numbers_in, position_of, sentences_in
from daemon.evaluation.suites.suite import Case
from daemon.inference.answers.checks import words_of
from storage.evaluation.evaluation_records import Aspect, CheckVerdict

#: Of an answer in a reason.
SHOWN_CHARACTERS = 80


def check_answer(case: Case, answer: str, *, others: Mapping[str, str] = {}) -> tuple[CheckVerdict, ...]:
    """A verdict for each check of the case, one for each fact. `others`: answers of other cases, by name."""
    found: list[CheckVerdict] = []
    for kind in case.checks:
        if kind == "facts":
            found += [_fact(name, wanted, answer) for name, wanted in (case.facts or {}).items()]
        elif kind == "differs_from":
            found.append(_differs(case.differs_from or "", answer, others))
        else:
            found.append(_CHECKS[kind](case, answer))
    return tuple(found)


def check_refusal(case: Case, error: str | None) -> tuple[CheckVerdict, ...]:
    """For a case that must be refused: whether it was, with a reason that mentions the phrase."""
    wanted = case.refused or ""
    if error is None:
        return (_verdict("refused", f"refused: {wanted}", Aspect.ACCURACY, False, "It was answered."),)
    passed = mentions(wanted, error)
    return (_verdict("refused", f"refused: {wanted}", Aspect.ACCURACY, passed, f"It was refused: {error}"),)


def score_of(checks: Sequence[CheckVerdict]) -> float:
    """The weighted share of checks that passed; 1 without checks."""
    total = sum(check.weight for check in checks)
    return sum(check.weight for check in checks if check.passed) / total if total else 1.0


def shown(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


def quoted(phrases: Sequence[str]) -> str:
    return ", ".join(f'"{phrase}"' for phrase in phrases)


def _verdict(kind: str, expected: str, aspect: Aspect, passed: bool, reason: str) -> CheckVerdict:
    return CheckVerdict(kind=kind, expected=expected, aspect=aspect, passed=passed, reason=reason)


def _fact(name: str, wanted: str, answer: str) -> CheckVerdict:
    passed = mentions(wanted, answer)
    reason = f'The answer {"names" if passed else "does not name"} the {name}: "{wanted}".'
    return _verdict("facts", f'{name}: "{wanted}"', Aspect.ACCURACY, passed, reason)


def _contains(case: Case, answer: str) -> CheckVerdict:
    wanted = case.contains or ""
    passed = mentions(wanted, answer)
    reason = f'The answer {"mentions" if passed else "does not mention"} "{wanted}".'
    return _verdict("contains", f'"{wanted}"', Aspect.ACCURACY, passed, reason)


def _any_of(case: Case, answer: str) -> CheckVerdict:
    wanted = case.any_of or []
    found = [phrase for phrase in wanted if mentions(phrase, answer)]
    reason = f"The answer mentions {quoted(found)}." if found else "The answer mentions none of them."
    return _verdict("any_of", f"any of {quoted(wanted)}", Aspect.ACCURACY, bool(found), reason)


def _all_of(case: Case, answer: str) -> CheckVerdict:
    wanted = case.all_of or []
    missing = [phrase for phrase in wanted if not mentions(phrase, answer)]
    reason = f"The answer does not mention {quoted(missing)}." if missing else "The answer mentions all of them."
    return _verdict("all_of", f"all of {quoted(wanted)}", Aspect.ACCURACY, not missing, reason)


def _regex(case: Case, answer: str) -> CheckVerdict:
    found = re.search(case.regex or "", answer)
    reason = f'It matches "{shown(found[0])}".' if found else "Nothing in the answer matches."
    return _verdict("regex", f"matches {case.regex}", Aspect.ACCURACY, bool(found), reason)


def _number(case: Case, answer: str) -> CheckVerdict:
    wanted, numbers = case.number or 0.0, numbers_in(answer)
    found = [number for number in numbers if abs(number - wanted) <= case.tolerance]
    expected = f"{wanted:g}" + (f" ± {case.tolerance:g}" if case.tolerance else "")
    read = ", ".join(f"{number:g}" for number in numbers) or "none"
    reason = f"The answer has {found[0]:g}." if found else f"Its numbers: {read}."
    return _verdict("number", expected, Aspect.ACCURACY, bool(found), reason)


def _order(case: Case, answer: str) -> CheckVerdict:
    wanted, words = case.order or [], words_of(answer)
    places = [position_of(phrase, words) for phrase in wanted]
    missing = [phrase for phrase, place in zip(wanted, places, strict=True) if place is None]
    known = [place for place in places if place is not None]
    passed = not missing and known == sorted(set(known))
    reason = "They come in this order." if passed else "They come in another order."
    reason = f"The answer does not mention {quoted(missing)}." if missing else reason
    return _verdict("order", f"in this order: {quoted(wanted)}", Aspect.ACCURACY, passed, reason)


def _not_contains(case: Case, answer: str) -> CheckVerdict:
    unwanted = case.not_contains or []
    found = [phrase for phrase in unwanted if mentions(phrase, answer)]
    reason = f"The answer mentions {quoted(found)}." if found else "The answer mentions none of them."
    return _verdict("not_contains", f"not {quoted(unwanted)}", Aspect.HALLUCINATION, not found, reason)


def _only(case: Case, answer: str) -> CheckVerdict:
    allowed, among = case.only or [], case.among or []
    found = [phrase for phrase in among if phrase not in allowed and mentions(phrase, answer)]
    reason = f"The answer also mentions {quoted(found)}." if found else "The answer mentions nothing else of them."
    expected = f"only {quoted(allowed) or 'none'} among {quoted(among)}"
    return _verdict("only", expected, Aspect.HALLUCINATION, not found, reason)


def _between(kind: str, span: Sequence[int], count: int) -> CheckVerdict:
    least, most = span
    expected = f"{least} to {most} {kind}" if least < most else f"{least} {kind}"
    return _verdict(kind, expected, Aspect.INSTRUCTION, least <= count <= most, f"It has {count} {kind}.")


def _differs(name: str, answer: str, others: Mapping[str, str]) -> CheckVerdict:
    other = others.get(name)
    passed = other is not None and words_of(other) != words_of(answer)
    reason = f"The answer is the same as that of {name}." if not passed else f"The answer of {name} is another one."
    reason = f"{name} has no answer." if other is None else reason
    return _verdict("differs_from", f"another answer than {name}", Aspect.CONTROL, passed, reason)


_CHECKS: Mapping[str, Callable[[Case, str], CheckVerdict]] = {
    "contains": _contains,
    "any_of": _any_of,
    "all_of": _all_of,
    "regex": _regex,
    "number": _number,
    "order": _order,
    "not_contains": _not_contains,
    "only": _only,
    "words": lambda case, answer: _between("words", case.words or [], len(words_of(answer))),
    "characters": lambda case, answer: _between("characters", case.characters or [], len(answer)),
    "sentences": lambda case, answer: _between("sentences", case.sentences or [], sentences_in(answer)),
    "refused": lambda case, _: check_refusal(case, None)[0],
}
