"""CIDEr, BLEU-4 and ROUGE-L of answers that have reference captions, by pycocoevalcap's plain Python classes.

Its tokenizer needs Java, so words are split here in a simpler way, and the corpus is a suite: figures are not
comparable with published ones. The package is an extra, since it is large.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec

from daemon.inference.answers.checks import words_of
from storage.evaluation.evaluation_records import CaseResult

NOTE = "own tokenizer and a small corpus: not comparable with published figures"
MISSING = "needs an extra: pip install 'smolwatch[captions]'"


@dataclass(frozen=True, kw_only=True)
class CaptionScores:
    """Over `count` answers: CIDEr (0 to 10), BLEU-4 and ROUGE-L (0 to 1)."""

    cider: float
    bleu: float
    rouge_l: float
    count: int


def has_library() -> bool:
    return find_spec("pycocoevalcap") is not None


def caption_scores(results: Iterable[CaseResult]) -> CaptionScores | None:
    """None without answers that have references, or without the library."""
    shown = [result for result in results if result.references and result.answer]
    if not shown or not has_library():
        return None
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    references = {number: list(map(plain, result.references)) for number, result in enumerate(shown)}
    answers = {number: [plain(result.answer)] for number, result in enumerate(shown)}
    return CaptionScores(
        cider=float(Cider().compute_score(references, answers)[0]),
        bleu=float(Bleu(4).compute_score(references, answers, verbose=0)[0][3]),
        rouge_l=float(Rouge().compute_score(references, answers)[0]),
        count=len(shown),
    )


def plain(text: str) -> str:
    """Its words in lower case, without punctuation."""
    return " ".join(words_of(text))
