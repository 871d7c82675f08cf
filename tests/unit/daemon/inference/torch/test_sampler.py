from __future__ import annotations

import pytest
import torch
from transformers import RepetitionPenaltyLogitsProcessor

from daemon.inference.batch.runner_protocol import RunnerError
from daemon.inference.sampling_params import GREEDY, SamplingParams
from daemon.inference.token_sampling import sample_token
from daemon.inference.torch.sampler import Sampler, argmax_on_cpu, argmax_on_gpu

VOCABULARY = 50
PENALTY = SamplingParams(repetition_penalty=1.3)


def random_logits(rows: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(rows, VOCABULARY, generator=torch.Generator().manual_seed(rows)).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("penalty", [1.1, 1.3, 4.0, 0.8])
def test_the_repetition_penalty_equals_that_of_transformers(penalty: float, dtype: torch.dtype) -> None:
    sampler, rows = Sampler(VOCABULARY, torch.device("cpu")), range(40)
    processor = RepetitionPenaltyLogitsProcessor(penalty)
    held = [[row, 7, 7, (3 * row) % VOCABULARY] for row in rows]
    for row in rows:
        sampler.start(row, held[row][:2], SamplingParams(repetition_penalty=penalty))
    for place in (2, 3):
        sampler.append(rows, [tokens[place] for tokens in held])
    logits = random_logits(len(rows), dtype)
    assert sampler(rows, logits, rows) == processor(torch.tensor(held), logits.float()).argmax(-1).tolist()


def test_rows_without_a_penalty_get_their_likeliest_tokens_whatever_the_other_rows_have() -> None:
    sampler = Sampler(VOCABULARY, torch.device("cpu"))
    logits = random_logits(4)
    plain = logits.argmax(-1).tolist()
    untouched = logits.clone()
    sampler.start(11, range(VOCABULARY // 2), PENALTY)
    sampler.start(12, plain, GREEDY)
    chosen = sampler([10, 11, 12, 13], logits, [0] * 4)
    assert [chosen[place] for place in (0, 2, 3)] == [plain[place] for place in (0, 2, 3)]
    assert torch.equal(logits, untouched)


def test_a_reused_row_number_has_no_penalty_of_the_row_before() -> None:
    sampler = Sampler(VOCABULARY, torch.device("cpu"))
    logits = random_logits(1)
    likeliest = int(logits.argmax())
    sampler.start(3, [likeliest], SamplingParams(repetition_penalty=100.0))
    assert sampler([3], logits, [5]) != [likeliest]
    sampler.free(3)
    assert sampler([3], logits, [5]) == [likeliest]
    sampler.free(3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_of_equally_likely_tokens_the_first_is_taken_as_generate_does(dtype: torch.dtype) -> None:
    sampler = Sampler(VOCABULARY, torch.device("cpu"))
    logits = random_logits(40, dtype).round()
    assert sampler(range(40), logits, range(40)) == logits.argmax(-1).tolist()


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("held", [None, PENALTY, SamplingParams(temperature=1.0)])
def test_logits_that_are_not_finite_are_an_error(bad: float, held: SamplingParams | None) -> None:
    sampler = Sampler(VOCABULARY, torch.device("cpu"))
    logits = random_logits(3)
    logits[1, 7] = bad
    if held:
        sampler.start(1, [7], held)
    with pytest.raises(RunnerError, match="not finite"):
        sampler(range(3), logits, range(3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_a_sampled_row_is_chosen_alone_as_beside_others_after_its_penalty(dtype: torch.dtype, penalty: float) -> None:
    sampler, logits = Sampler(VOCABULARY, torch.device("cpu")), random_logits(4, dtype)
    sampling = SamplingParams(temperature=1.5, top_p=0.9, seed=7, repetition_penalty=penalty)
    held = [1, 2, int(logits[2].argmax())]
    sampler.start(1, [3], SamplingParams(temperature=0.5, seed=8))
    sampler.start(2, held, sampling)
    alone = [sampler([2], logits[2:3], [position]) for position in range(200)]
    beside = [sampler([0, 1, 2, 3], logits, [9, 9, position, 9]) for position in range(200)]
    assert [chosen[2:3] for chosen in beside] == alone
    assert {(chosen[0], chosen[3]) for chosen in beside} == {(int(logits[0].argmax()), int(logits[3].argmax()))}
    scores = logits.float()
    if penalty != 1:
        scores = RepetitionPenaltyLogitsProcessor(penalty)(torch.tensor([held] * 4), scores)
    row = scores[2].double().numpy()
    assert alone == [[sample_token(row, sampling, position)] for position in range(200)]
    sampler.free(2)
    assert sampler([2], logits[2:3], [0]) == [int(logits[2].argmax())]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_argmax_on_a_gpu_equals_argmax_on_the_cpu(dtype: torch.dtype) -> None:
    logits = random_logits(40, dtype).round()
    logits[3, 5], logits[4, 6], logits[5] = torch.nan, torch.inf, -torch.inf
    (ours, are_finite), (tokens, finite) = argmax_on_cpu(logits), argmax_on_gpu(logits)
    assert are_finite.tolist() == finite.tolist()
    assert finite.tolist() == [row not in (3, 4, 5) for row in range(40)]
    assert torch.equal(ours[finite], tokens[finite])
