"""Checks answers for loops, echoes, cut-offs and leaked tokens. Pure: an answer in, reason codes out.

Thresholds: jrp2014/check_models (d9538f8, `src/check_models.py` L474-500, L3551-3616, L4121-4260): one token at least
90 % of the output; a run of 4 to 10 that occurs more than 3 times and covers more than 40 %, or occurs more than 10
times; the limit reached with an abrupt tail; the prompt as a span; special tokens. Its "two words at most" is left out:
"Red." can be a good answer. Our own against false alarms: a loop has a minimum length, and a list, with something new
in each item, is no loop.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from config.recipes import Question
from daemon.inference.batch.repetition import MANY_REPEATS, MIN_COVERAGE, MIN_REPEATS, is_loop
from daemon.inference.engine import Answer

#: Minimum length of a loop; shorter ones may be intended: "HA HA HA", "0000000".
WORDS, CHARACTERS = 24, 64
GRAMS = range(4, 11)
#: Fewer words of a question than this can occur in an answer by chance.
ECHO_WORDS = 4

_WORD = re.compile(r"[^\W_]+")
#: SmolVLM2's own special tokens by name, and the forms of other models' tokens.
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
#: Openings from the model's training data (Localized Narratives, ShareGPT4V), before the actual content. Only before
#: text that is complete alone: "The image shows how to tie a knot." and "The image shows a dog." stay.
_THINGS = r"(?:image|picture|photo|photograph|video|clip)"
_OPENING = re.compile(
    rf"\A(?:in (?:this|the) {_THINGS}(?:,? (?:we|you|i|one) (?:can )?(?:also )?(?:see|observe|notice)(?: that)?|,|"
    rf"(?= there (?:is|are)\b))|(?:the|this) {_THINGS} (?:\w+ly )?"
    r"(?:shows|depicts|displays|features|captures|presents|portrays|showcases|illustrates)):? "
    r"(?=there (?:is|are) \w|(?:an?|the|one|two|three|four|five|six|seven|eight|nine|ten|\d+|some|several|many|"
    r"multiple|various|people)(?: [^\s.!?]+){3})",
    re.IGNORECASE,
)
_TURN = re.compile(r"\Aassistant:\s*", re.IGNORECASE)
#: The texts of `prompts.video_block` before the frames, and before each of them.
_CLOCK = re.compile(r" ?\[H:MM:SS\]")
_INTRODUCTION = re.compile(
    r"You are provided the following series of [\w -]{1,40} frames from a [\w:, ]{1,30}(?:\[H:MM:SS\] )?video\.?\s*"
)
_FRAME = re.compile(r"Frame from \d{2,}:\d{2}:\s*")
_DANGLING = re.compile(r"(?:\w|[,;:(\[–—-]|(?:^|\n)[ \t]*(?:[*•]|\d{1,3}[.)]))\Z")


def judge(answer: Answer, question: str) -> tuple[str, ...]:
    """The answer's faults, as codes; empty for a good one.

    `question` is the prompt's text. Text that `clean` removes counts too, except for a preamble and for tokens at the
    very end, where the answer is complete without them.
    """
    text = clean(answer.text, question=question)
    words = words_of(text)
    found = {
        "empty": not words_of(_PREAMBLE.sub("", text)),
        "loop": answer.looped or is_loop(words, WORDS) or _repeats_runs(words) or _repeats_characters(text),
        "echo": _is_echo(answer.text, question),
        "timestamps": bool(_CLOCK.search(answer.text) or _FRAME.search(answer.text)),
        "leaked-token": any(after.strip() for after in _LEAKED.split(answer.text)[1:]),
        "cut-off": not answer.complete and bool(_DANGLING.search(text)),
    }
    return tuple(code for code, is_found in found.items() if is_found)


def broken_rules(answer: Answer, question: Question) -> tuple[str, ...]:
    """The question's rules that the cleaned answer breaks, as codes. An article before an opening is ignored."""
    text = clean(answer.text, question=question.ask)
    opening = words_of(text)
    opening = opening[1:] if opening[:1] in (["a"], ["an"], ["the"]) else opening
    avoided = [words_of(phrase) for phrase in question.avoid]
    found = {
        "too-long": question.max_characters is not None and len(text) > question.max_characters,
        "opening": any(opening[: len(phrase)] == phrase for phrase in avoided),
    }
    return tuple(code for code, is_found in found.items() if is_found)


def clean(text: str, *, question: str = "") -> str:
    """The answer without text that is not for people: special tokens, the prompt's own text, a preamble.

    The text after a trained opening ("The image shows a dog on a beach.") gets a capital.

    An answer that is only the question, or only a preamble, keeps its text. Cleaning twice changes nothing.
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
    for pattern in (_TURN, _PREAMBLE, _question_pattern(question)):
        if pattern is not None:
            rest = pattern.sub("", text, count=1)
            text = rest if _WORD.search(rest) else text
    if (opening := _OPENING.match(text)) is not None:
        text = text[opening.end() :]
        text = text[0].upper() + text[1:]
    return text.strip()


@lru_cache(maxsize=100)
def _question_pattern(question: str) -> re.Pattern[str] | None:
    """The question at the start of an answer, with or without "User:"; None if too short to exclude chance."""
    words = _WORD.findall(question)
    if len(words) < ECHO_WORDS:
        return None
    asked = r"[\W_]+".join(map(re.escape, words))
    return re.compile(rf"\A(?:user:)?[\W_]*{asked}\b[\s.:?!]*(?:assistant:\s*)?", re.IGNORECASE)


def _is_echo(text: str, question: str) -> bool:
    """The whole question in the answer, an answer that is the question's beginning, or the prompt's introduction.

    Words from the question's middle are no echo: "a dog or a cat on a sofa?" can be answered "A cat on a sofa."
    """
    answer_words, asked = words_of(text), words_of(question)
    is_beginning = len(answer_words) >= ECHO_WORDS and answer_words == asked[: len(answer_words)]
    return is_beginning or _holds_question(answer_words, asked) or bool(_INTRODUCTION.search(text))


def _holds_question(words: Sequence[str], asked: Sequence[str]) -> bool:
    return len(asked) >= ECHO_WORDS and f" {' '.join(asked)} " in f" {' '.join(words)} "


def _repeats_characters(text: str) -> bool:
    """A loop of characters that are no words, or of words without spaces."""
    return is_loop("".join(text.split()), CHARACTERS)


def _repeats_runs(words: Sequence[str]) -> bool:
    """Runs of 4 to 10 words that repeat, anywhere and at any distance."""
    for size in GRAMS:
        covered: set[int] = set()
        for starts in _repeated(words, size):
            if len(starts) > MANY_REPEATS:
                return True
            if not _is_list(words, size, starts):
                covered.update(index for start in starts for index in range(start, start + size))
        if len(covered) > MIN_COVERAGE * len(words):
            return True
    return False


def _repeated(words: Sequence[str], size: int) -> Iterator[list[int]]:
    """The starts of runs of that many words that occur more than 3 times without overlap."""
    starts_by_run: dict[tuple[str, ...], list[int]] = {}
    for start in range(len(words) - size + 1):
        starts = starts_by_run.setdefault(tuple(words[start : start + size]), [])
        if not starts or start >= starts[-1] + size:
            starts.append(start)
    return (starts for starts in starts_by_run.values() if len(starts) > MIN_REPEATS)


def _is_list(words: Sequence[str], size: int, starts: Sequence[int]) -> bool:
    """Whether the words between the repeated runs are mostly new, as in "a dog on the left, a dog on the right, …"."""
    between = [tuple(words[start + size : following]) for start, following in pairwise(starts)]
    return len(set(between)) > len(between) / 2
