"""What a witness is, and which ones this machine has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Protocol

from daemon.evaluation.fresh_process import in_fresh_process
from daemon.evaluation.witnesses.text_reading import SECONDS, read_text
from daemon.evaluation.witnesses.text_witness import TextWitness, no_opinion
from daemon.media.clip import Pixels
from storage.evaluation.evaluation_records import Opinion

#: What the text reader needs, both from the extra.
LIBRARIES = ("rapidocr", "onnxruntime")
NEEDS_EXTRA = "It needs an extra: pip install 'smolwatch[witness]'"


class Witness(Protocol):
    def opinion(self, pictures: Sequence[Pixels], answer: str) -> Opinion:
        """Of an answer about these pictures. Never raises."""
        ...


class AbsentWitness:
    """In the place of one that is not installed."""

    def opinion(self, _: Sequence[Pixels], __: str) -> Opinion:
        return no_opinion(NEEDS_EXTRA)


def witnesses_here() -> Mapping[str, Witness]:
    """By the name that a case gives them."""
    if any(find_spec(library) is None for library in LIBRARIES):
        return {"text": AbsentWitness()}
    return {"text": TextWitness(partial(in_fresh_process, read_text, seconds=SECONDS))}
