"""Compares an answer with the text that another program reads in the same pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from daemon.errors import EngineError
from daemon.evaluation.metrics.mentions import mentions
from daemon.inference.answers.checks import words_of
from daemon.media.clip import Pixels
from storage.evaluation.evaluation_records import Opinion, WitnessVerdict

#: It agrees with an answer that has at least so many of the words that it reads: it misreads some itself.
LEAST_SHARE = 0.5
#: Words of the text in a reason.
SHOWN_WORDS = 12

#: The lines of text in some pictures. Raises EngineError.
Read = Callable[[Sequence[Pixels]], Sequence[str]]


class TextWitness:
    """Each picture is read once, however often the case is repeated."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._known: dict[bytes, Sequence[str]] = {}

    def opinion(self, pictures: Sequence[Pixels], answer: str) -> Opinion:
        try:
            lines = self._lines(pictures)
        except EngineError as error:
            return no_opinion(str(error))
        words = list(dict.fromkeys(word for line in lines for word in words_of(line) if is_word(word)))
        if not words:
            return no_opinion("It read no text.")
        found = sum(mentions(word, answer) for word in words)
        verdict = WitnessVerdict.AGREES if found >= LEAST_SHARE * len(words) else WitnessVerdict.DISAGREES
        reason = f'It read "{shown(lines)}": {found} of {len(words)} words are in the answer.'
        return Opinion(witness="text", verdict=verdict, reason=reason)

    def _lines(self, pictures: Sequence[Pixels]) -> Sequence[str]:
        key = hashlib.blake2b(b"".join(picture.tobytes() for picture in pictures)).digest()
        if key not in self._known:
            self._known[key] = self._read(pictures)
        return self._known[key]


def is_word(word: str) -> bool:
    """A single letter is as likely a line or a corner."""
    return len(word) > 1 or word.isdigit()


def shown(lines: Sequence[str]) -> str:
    words = " ".join(lines).split()
    return " ".join(words[:SHOWN_WORDS]) + (" …" if len(words) > SHOWN_WORDS else "")


def no_opinion(reason: str) -> Opinion:
    return Opinion(witness="text", verdict=WitnessVerdict.NO_OPINION, reason=reason)
