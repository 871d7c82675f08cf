from __future__ import annotations

import numpy as np

from daemon.evaluation.witnesses.witness import AbsentWitness, witnesses_here
from storage.evaluation.evaluation_records import WitnessVerdict


def test_without_its_extra_a_witness_has_no_opinion_and_names_the_extra() -> None:
    opinion = AbsentWitness().opinion((np.zeros((6, 8, 3), np.uint8),), "EXIT")
    assert opinion.verdict is WitnessVerdict.NO_OPINION
    assert "pip install 'smolwatch[witness]'" in opinion.reason


def test_every_witness_that_a_case_may_call_is_here_or_says_why_not() -> None:
    assert set(witnesses_here()) == {"text"}
