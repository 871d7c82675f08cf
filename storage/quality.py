"""A quality verdict as text. Pure."""

from __future__ import annotations

from storage.description import Quality

#: The codes about an answer. An unknown code, from a newer version, is shown unchanged.
MEANINGS = {
    "empty": "says nothing",
    "loop": "repeats itself",
    "echo": "repeats the question",
    "timestamps": "repeats the times of the frames that the model was given",
    "leaked-token": "held signs that are meant for the model alone",
    "cut-off": "breaks off",
    "too-long": "is longer than its question allows",
    "opening": "begins with words that its question rules out",
}
#: The codes about the file itself.
DEFECTS = {
    "damaged": "has damaged parts, which were left out",
    "cut-short": "ends before it should",
    "small-preview": "was seen in a small preview only",
}


def to_text(quality: Quality) -> str:
    """ "suspect: the caption repeats itself; the summary breaks off"."""
    reasons = "; ".join(map(_sentence, quality.reasons))
    return f"{quality.verdict}: {reasons}" if reasons else quality.verdict


def _sentence(reason: str) -> str:
    """`reason` is "caption: loop": the answer's name and a code."""
    name, _, code = reason.rpartition(": ")
    meaning = MEANINGS.get(code) or DEFECTS.get(code)
    return f"the {name.replace('_', ' ')} {meaning}" if name and meaning else reason
