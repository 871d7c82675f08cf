from __future__ import annotations

import pytest
import torch
from transformers import RepetitionPenaltyLogitsProcessor

from daemon.inference.batch.runner_protocol import RunnerError
from daemon.inference.sampling_params import GREEDY, SamplingParams
from daemon.inference.torch.sampler import Sampler, argmax_on_cpu, argmax_on_gpu

WORDS = 50
LESS = SamplingParams(repetition_penalty=1.3)


def scores(rows: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(rows, WORDS, generator=torch.Generator().manual_seed(rows)).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("penalty", [1.1, 1.3, 4.0, 0.8])
def test_a_row_s_own_tokens_are_as_likely_as_transformers_makes_them(penalty: float, dtype: torch.dtype) -> None:
    choosing, rows = Sampler(WORDS, torch.device("cpu")), range(40)
    stock = RepetitionPenaltyLogitsProcessor(penalty)
    held = [[row, 7, 7, (3 * row) % WORDS] for row in rows]
    for row in rows:
        choosing.start(row, held[row][:2], SamplingParams(repetition_penalty=penalty))
    for place in (2, 3):
        choosing.append(rows, [tokens[place] for tokens in held])
    made = scores(len(rows), dtype)
    assert choosing(rows, made) == stock(torch.tensor(held), made.float()).argmax(-1).tolist()


def test_rows_without_a_penalty_have_their_likeliest_tokens_whatever_stands_beside() -> None:
    choosing = Sampler(WORDS, torch.device("cpu"))
    made = scores(4)
    plain = made.argmax(-1).tolist()
    untouched = made.clone()
    choosing.start(11, range(WORDS // 2), LESS)
    choosing.start(12, plain, GREEDY)
    chosen = choosing([10, 11, 12, 13], made)
    assert [chosen[place] for place in (0, 2, 3)] == [plain[place] for place in (0, 2, 3)]
    assert torch.equal(made, untouched)


def test_a_row_s_number_brings_no_penalty_to_the_next_that_has_it() -> None:
    choosing = Sampler(WORDS, torch.device("cpu"))
    made = scores(1)
    likeliest = int(made.argmax())
    choosing.start(3, [likeliest], SamplingParams(repetition_penalty=100.0))
    assert choosing([3], made) != [likeliest]
    choosing.free(3)
    assert choosing([3], made) == [likeliest]
    choosing.free(3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_of_tokens_that_are_as_likely_the_first_is_taken_as_generate_does(dtype: torch.dtype) -> None:
    choosing = Sampler(WORDS, torch.device("cpu"))
    made = scores(40, dtype).round()
    assert choosing(range(40), made) == made.argmax(-1).tolist()


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("held", [False, True])
def test_scores_that_are_no_numbers_are_an_error(bad: float, held: bool) -> None:
    choosing = Sampler(WORDS, torch.device("cpu"))
    made = scores(3)
    made[1, 7] = bad
    if held:
        choosing.start(1, [7], LESS)
    with pytest.raises(RunnerError, match="not finite"):
        choosing(range(3), made)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_gpu_is_asked_otherwise_than_a_cpu_and_says_the_same(dtype: torch.dtype) -> None:
    made = scores(40, dtype).round()
    made[3, 5], made[4, 6], made[5] = torch.nan, torch.inf, -torch.inf
    (ours, are_finite), (tokens, finite) = argmax_on_cpu(made), argmax_on_gpu(made)
    assert are_finite.tolist() == finite.tolist()
    assert finite.tolist() == [row not in (3, 4, 5) for row in range(40)]
    assert torch.equal(ours[finite], tokens[finite])
