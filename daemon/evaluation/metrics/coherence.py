"""How coherent an answer is, from 1 to 10: repetition, completeness, language, contradiction of itself. Pure.

These are rules of thumb: they find broken answers, without regard to meaning, and do not distinguish good ones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from daemon.evaluation.metrics.mentions import plurals
from daemon.inference.answers.checks import words_of

FORMULA = "1 + 9 × repetition × completeness × language × agreement, each from 0 to 1"
GRAM = 3
#: A short answer such as "Red" or "105" needs no full stop.
SHORT_WORDS = 4
COLOURS = "red green blue yellow purple orange white black gray grey brown pink".split()
COUNTS = "one two three four five six seven eight nine ten".split()
_ENDS = re.compile(r"[.!?…][\"'”’)\]]*\s*\Z")
_LETTERS = re.compile(r"[^\W\d_]")
_WORD_LIKE = re.compile(r"[aeiouyàâäéèêëîïôöùûü]", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Coherence:
    """Its four parts, from 0 (bad) to 1."""

    repetition: float
    completeness: float
    language: float
    agreement: float

    @property
    def value(self) -> float:
        """From 1 to 10, by FORMULA."""
        return 1 + 9 * self.repetition * self.completeness * self.language * self.agreement


def coherence_of(answer: str, *, complete: bool) -> Coherence:
    """`complete`: the model ended the answer, rather than the limit of its tokens. An empty answer has all parts 0."""
    words = words_of(answer)
    if not words:
        return Coherence(repetition=0, completeness=0, language=0, agreement=0)
    is_whole = complete and (len(words) <= SHORT_WORDS or bool(_ENDS.search(answer)))
    return Coherence(
        repetition=distinct_share(words),
        completeness=1.0 if is_whole else 0.5,
        language=language_share(answer, words),
        agreement=0.0 if contradictions(words) else 1.0,
    )


def distinct_share(words: Sequence[str]) -> float:
    """The share of different runs of three words; 1 for fewer than four words."""
    grams = [tuple(words[start : start + GRAM]) for start in range(len(words) - GRAM + 1)]
    return len(set(grams)) / len(grams) if len(grams) > 1 else 1.0


def language_share(answer: str, words: Sequence[str]) -> float:
    """The share of words that can be spoken: with a vowel, in capitals alone, in other scripts, and numbers."""
    capitals = {word.casefold() for word in re.findall(r"\b[A-Z]{1,8}\b", answer)}
    good = sum(
        word in capitals
        or word.isdigit()
        or not word.isascii()
        or bool(_WORD_LIKE.search(word))
        or not _has_letters(word)
        for word in words
    )
    return good / len(words)


def contradictions(words: Sequence[str]) -> list[str]:
    """Pairs of statements that exclude each other: two colours of the background, two numbers of one thing."""
    found = []
    grounds = {colour_name(words[k - 1]) for k, word in enumerate(words) if word == "background" and k} & set(COLOURS)
    grounds |= {colour_name(w) for k, w in enumerate(words) if words[max(0, k - 2) : k] == ["background", "is"]} & set(
        COLOURS
    )
    if len(grounds) > 1:
        found.append(f"the background is {' and '.join(sorted(grounds))}")
    counts: dict[str, set[str]] = {}
    for count, thing in pairwise(words):
        if count in (*COUNTS, "no"):
            counts.setdefault(singular(thing, words), set()).add(count)
    found += [f"{' and '.join(sorted(several))} {thing}" for thing, several in counts.items() if len(several) > 1]
    return found


def colour_name(word: str) -> str:
    return "gray" if word == "grey" else word


def singular(word: str, words: Sequence[str]) -> str:
    return next((other for other in words if word in plurals(other)[1:]), word)


def _has_letters(word: str) -> bool:
    return bool(_LETTERS.search(word))
