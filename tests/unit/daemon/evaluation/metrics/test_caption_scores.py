from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.evaluation.metrics.caption_scores import caption_scores
from tests.support.evaluations import RESULT

pytest.importorskip("pycocoevalcap")
CAPTIONS = ("A red circle on a white background.", "Three blue stars on a black ground.", "A dog runs over the grass.")


def test_the_reference_itself_scores_highest_and_another_text_lowest() -> None:
    same = [replace(RESULT, case=text, answer=text, references=(text,)) for text in CAPTIONS]
    shifted = [replace(each, answer=CAPTIONS[k - 1]) for k, each in enumerate(same)]
    good, bad = caption_scores(same), caption_scores(shifted)
    assert good is not None
    assert bad is not None
    assert [good.bleu, good.rouge_l] == pytest.approx([1, 1])
    assert good.count == 3
    assert good.cider > 9
    assert bad.cider < 3
    assert bad.rouge_l < 0.6


def test_without_references_there_are_no_scores() -> None:
    assert caption_scores([replace(RESULT, references=())]) is None
