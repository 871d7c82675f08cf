"""Which words and numbers an answer mentions, and where. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from daemon.inference.answers.checks import words_of

_SENTENCE_END = re.compile(r"[.!?…]+(?=\s|$)")
_NUMBER = re.compile(r"(?<![\w.])-?\d{1,3}(?:,\d{3})+(?:\.\d+)?|(?<![\w.])-?\d+(?:\.\d+)?")
_UNITS = (
    *"zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split(),
    *"seventeen eighteen nineteen".split(),
)
_TENS = dict(zip("twenty thirty forty fifty sixty seventy eighty ninety".split(), range(20, 100, 10), strict=True))
_WORDS = {word: number for number, word in enumerate(_UNITS)} | _TENS | {"none": 0, "no": 0}
#: A phrase after one of these is denied, not mentioned: "There is no circle", "without any text".
DENIALS = {"no", "not", "without", "never"}
#: These may stand between a denial and what it denies.
BETWEEN = {"a", "an", "any", "the", "visible"}


def position_of(phrase: str, words: Sequence[str]) -> int | None:
    """Where one of the phrase's alternatives is first mentioned, in words; None if none is, or all are denied.

    `words`: as `words_of` gives them. The last word of an alternative may have a plural's "s" or "es".
    """
    found = [place for part in phrase.split("|") if (place := _first(words_of(part), words)) is not None]
    return min(found, default=None)


def mentions(phrase: str, text: str) -> bool:
    return position_of(phrase, words_of(text)) is not None


def numbers_in(text: str) -> list[float]:
    """Numbers in digits and, up to ninety-nine, in words, in order: "1,200", "three", "twenty-one"."""
    found = [(match.start(), float(match[0].replace(",", ""))) for match in _NUMBER.finditer(text)]
    pairs = [(match.start(), match[0].casefold()) for match in re.finditer(r"[^\W\d_]+", text)]
    skip = False
    for index, (place, word) in enumerate(pairs):
        if skip or word not in _WORDS:
            skip = False
            continue
        value, following = _WORDS[word], pairs[index + 1] if index + 1 < len(pairs) else (0, "")
        joined = text[place + len(word) : following[0]] in ("-", " ")
        if word in _TENS and joined and 0 < _WORDS.get(following[1], 0) < 10:
            value, skip = value + _WORDS[following[1]], True
        found.append((place, float(value)))
    return [number for _, number in sorted(found)]


def sentences_in(text: str) -> int:
    """How many sentences; text without an end counts as one."""
    parts = [part for part in _SENTENCE_END.split(text) if words_of(part)]
    return len(parts)


def _first(phrase: Sequence[str], words: Sequence[str]) -> int | None:
    size = len(phrase)
    for start in range(len(words) - size + 1):
        *head, last = words[start : start + size]
        if head == list(phrase[:-1]) and last in plurals(phrase[-1]) and not _is_denied(start, words):
            return start
    return None


def plurals(word: str) -> tuple[str, ...]:
    return word, f"{word}s", f"{word}es"


def _is_denied(start: int, words: Sequence[str]) -> bool:
    before = start - 1
    while before >= 0 and words[before] in BETWEEN:
        before -= 1
    return before >= 0 and words[before] in DENIALS
