"""Is an answer one? Loops, echoes, cut-offs and leaked tokens. Pure: an answer in, reason codes out.

Thresholds: jrp2014/check_models (d9538f8, `src/check_models.py` L474-500, L3551-3616, L4121-4260): one token at least
90 % of the output; a run of 4 to 10 that stands there more than 3 times and covers more than 40 %, or more than
10 times at all; the limit reached with an abrupt tail; the prompt as a span; special tokens. Its "two words at most"
is left out: "Red." answers a question. Ours against false alarms: how long a loop must be to count, and that a list,
which says something new each time, is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from daemon.inference.batch.repetition import MANY_REPEATS, MIN_COVERAGE, MIN_REPEATS, is_loop
from daemon.inference.engine import Answer

#: A loop is at least so long; shorter ones may be meant: "HA HA HA", "0000000".
WORDS, CHARACTERS = 24, 64
GRAMS = range(4, 11)
#: Fewer words of a question than this may stand in an answer by chance.
ECHO_WORDS = 4

_WORD = re.compile(r"[^\W_]+")
#: SmolVLM2's own special tokens by name, and the ways in which other models write theirs.
_TOKEN = (
    r"<\|[^<>|\s]{1,40}\|>|</?s>|<end_of_utterance>|<image>|<fake_token_around_image>|<global-img>|<row_\d+_col_\d+>"
)
_LEAKED = re.compile(_TOKEN)
_LEAKS = re.compile(rf"(?: ?(?:{_TOKEN}) ?)+")
_PREAMBLE = re.compile(
    r"\A(?:(?:sure|certainly|of course|okay)[,.!:]?\s)?(?:here(?:['’]s| is)|below is) (?:an?|the|your) "
    r"(?:[\w-]+,? ){0,4}(?:description|caption|summary|sentence)\b[^:.\n]{0,60}:\s*",
    re.IGNORECASE,
)
#: How answers begin that the model was taught (Localized Narratives, ShareGPT4V); what is seen stands behind it. Only
#: before what can stand alone: "The image shows how to tie a knot." and "The image shows a dog." stay.
_THINGS = r"(?:image|picture|photo|photograph|video|clip)"
_SIGHT = re.compile(
    rf"\A(?:in (?:this|the) {_THINGS}(?:,? (?:we|you|i|one) (?:can )?(?:also )?(?:see|observe|notice)(?: that)?|,|"
    rf"(?= there (?:is|are)\b))|(?:the|this) {_THINGS} (?:\w+ly )?"
    r"(?:shows|depicts|displays|features|captures|presents|portrays|showcases|illustrates)):? "
    r"(?=there (?:is|are) \w|(?:an?|the|one|two|three|four|five|six|seven|eight|nine|ten|\d+|some|several|many|"
    r"multiple|various|people)(?: [^\s.!?]+){3})",
    re.IGNORECASE,
)
_TURN = re.compile(r"\Aassistant:\s*", re.IGNORECASE)
#: What `prompts.video_block` puts before the frames, and over each of them.
_CLOCK = re.compile(r" ?\[H:MM:SS\]")
_INTRODUCTION = re.compile(
    r"You are provided the following series of [\w -]{1,40} frames from a [\w:, ]{1,30}(?:\[H:MM:SS\] )?video\.?\s*"
)
_FRAME = re.compile(r"Frame from \d{2,}:\d{2}:\s*")
_DANGLING = re.compile(r"(?:\w|[,;:(\[–—-]|(?:^|\n)[ \t]*(?:[*•]|\d{1,3}[.)]))\Z")


def judge(answer: Answer, question: str) -> tuple[str, ...]:
    """Why the answer is suspect, as codes; empty when nothing speaks against it.

    `question` is what was asked. What `clean` takes away counts too, except for a preamble and for tokens at the very
    end, without which the answer is whole.
    """
    said = clean(answer.text, question=question)
    words = words_of(said)
    found = {
        "empty": not words_of(_PREAMBLE.sub("", said)),
        "loop": answer.looped or is_loop(words, WORDS) or _says_again(words) or _is_drone(said),
        "echo": _is_echo(answer.text, question),
        "timestamps": bool(_CLOCK.search(answer.text) or _FRAME.search(answer.text)),
        "leaked-token": any(after.strip() for after in _LEAKED.split(answer.text)[1:]),
        "cut-off": not answer.complete and bool(_DANGLING.search(said)),
    }
    return tuple(code for code, is_so in found.items() if is_so)


def clean(text: str, *, question: str = "") -> str:
    """The answer without what was never meant for people: special tokens, the prompt's own words, a preamble.

    What follows a taught beginning ("The image shows a dog on a beach.") gets a capital.

    Of an answer that is nothing but the question, or a preamble, the words stay. Cleaning twice changes nothing.
    """
    before = None
    while text != before:
        before = text
        text = _strip_once(text.strip(), question)
    return text


def words_of(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _strip_once(text: str, question: str) -> str:
    text = _INTRODUCTION.sub("", _LEAKS.sub(" ", text))
    text = _FRAME.sub("", _CLOCK.sub("", text))
    for opening in (_TURN, _PREAMBLE, _opening_of(question)):
        if opening is not None:
            rest = opening.sub("", text, count=1)
            text = rest if _WORD.search(rest) else text
    if (taught := _SIGHT.match(text)) is not None:
        text = text[taught.end() :]
        text = text[0].upper() + text[1:]
    return text.strip()


@lru_cache(maxsize=100)
def _opening_of(question: str) -> re.Pattern[str] | None:
    """The question at the start of an answer, as a turn or bare; None when too short to be told from chance."""
    words = _WORD.findall(question)
    if len(words) < ECHO_WORDS:
        return None
    asked = r"[\W_]+".join(map(re.escape, words))
    return re.compile(rf"\A(?:user:)?[\W_]*{asked}\b[\s.:?!]*(?:assistant:\s*)?", re.IGNORECASE)


def _is_echo(text: str, question: str) -> bool:
    """The whole question within the answer, an answer that is the question's beginning, or the prompt's first words.

    Words from the question's middle are none: "a dog or a cat on a sofa?" may be answered "A cat on a sofa."
    """
    said, asked = words_of(text), words_of(question)
    begun = len(said) >= ECHO_WORDS and said == asked[: len(said)]
    return begun or _holds_question(said, asked) or bool(_INTRODUCTION.search(text))


def _holds_question(said: Sequence[str], asked: Sequence[str]) -> bool:
    return len(asked) >= ECHO_WORDS and f" {' '.join(asked)} " in f" {' '.join(said)} "


def _is_drone(text: str) -> bool:
    """A loop of signs that are no words, or of words without spaces between them."""
    return is_loop("".join(text.split()), CHARACTERS)


def _says_again(words: Sequence[str]) -> bool:
    """Runs of 4 to 10 words again and again, anywhere and at any distance."""
    for size in GRAMS:
        covered: set[int] = set()
        for starts in _repeated(words, size):
            if len(starts) > MANY_REPEATS:
                return True
            if not _is_list(words, size, starts):
                covered.update(place for start in starts for place in range(start, start + size))
        if len(covered) > MIN_COVERAGE * len(words):
            return True
    return False


def _repeated(words: Sequence[str], size: int) -> Iterator[list[int]]:
    """Where runs of that many words start that stand there more than 3 times without overlap."""
    places: dict[tuple[str, ...], list[int]] = {}
    for start in range(len(words) - size + 1):
        starts = places.setdefault(tuple(words[start : start + size]), [])
        if not starts or start >= starts[-1] + size:
            starts.append(start)
    return (starts for starts in places.values() if len(starts) > MIN_REPEATS)


def _is_list(words: Sequence[str], size: int, starts: Sequence[int]) -> bool:
    """Does mostly something new stand between the repeated runs, as in "a dog on the left, a dog on the right, …"?"""
    between = [tuple(words[one + size : other]) for one, other in pairwise(starts)]
    return len(set(between)) > len(between) / 2
