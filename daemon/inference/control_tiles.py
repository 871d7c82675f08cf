"""Plain pictures with a known answer: whether a loaded model sees. Pure.

A model without working vision still writes fluent descriptions. So after loading it is asked about a red, a blue and a
grey tile. Its answers, with the weights and the precision, are also what identifies it in a record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from config.recipes import Question
from daemon.inference.engine import Request

TILES = {"red": (214, 38, 38), "blue": (46, 78, 216), "grey": (128, 128, 128)}
#: As people spell them.
WORDS = {"red": ("red",), "blue": ("blue",), "grey": ("grey", "gray")}
QUESTION = Question(name="caption", ask="Describe this image in one sentence.", tokens=16)
BLIND = "It answers without looking: its answers about plain red, blue and grey pictures do not differ."
COLOUR_BLIND = "It does not name the colours of plain red, blue and grey pictures."


@dataclass(frozen=True, kw_only=True)
class ControlResult:
    """`digest`: of the answers, the weights and the precision; None if the model was not asked.

    `problem`: why it is not trusted, or None.
    """

    digest: str | None = None
    problem: str | None = None


def judge(answers: Mapping[str, str], *, weights: str, precision: str) -> ControlResult:
    """`answers`: the text about each tile, by colour. `weights`: their digest."""
    facts = repr(([answers[colour] for colour in TILES], weights, precision))
    return ControlResult(digest=blake2b(facts.encode(), digest_size=4).hexdigest(), problem=problem_in(answers))


def control_requests(edge: int) -> list[Request]:
    """One request a tile of `edge` pixels; its colour is the request's id."""
    return [
        Request(id=colour, pictures=(np.full((edge, edge, 3), rgb, np.uint8),), questions=(QUESTION,), detail="fast")
        for colour, rgb in TILES.items()
    ]


def problem_in(answers: Mapping[str, str]) -> str | None:
    if len(set(answers.values())) < len(TILES):
        return BLIND
    named = {colour: colours_in(answers[colour]) for colour in TILES}
    for colour, found in named.items():
        if found and colour not in found:
            return f"It confuses colours: it calls a plain {colour} picture {' and '.join(sorted(found))}."
    return None if any(named.values()) else COLOUR_BLIND


def colours_in(text: str) -> set[str]:
    words = set(text.lower().replace(".", " ").replace(",", " ").split())
    return {colour for colour, spellings in WORDS.items() if words & set(spellings)}
