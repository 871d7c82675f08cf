"""Sampling equals transformers' in which tokens may be chosen, and the softmax in how often."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from daemon.inference.sampling_params import SamplingParams
from daemon.inference.token_sampling import Scores, candidates, gumbel_noise, sample_token

VOCABULARY = 49280


def random_scores(seed: int, vocabulary: int = VOCABULARY, spread: float = 3.0) -> Scores:
    """In the precision of a model's."""
    return (spread * np.random.default_rng(seed).standard_normal(vocabulary)).astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("top_k", [0, 1, 50, VOCABULARY + 1])
@pytest.mark.parametrize("top_p", [0.05, 0.5, 0.95, 1.0])
def test_the_tokens_that_may_be_chosen_are_those_of_transformers_warpers(
    temperature: float, top_k: int, top_p: float
) -> None:
    scores, sampling = random_scores(top_k), SamplingParams(temperature=temperature, top_k=top_k, top_p=top_p)
    warped = torch.tensor(scores)[None]
    ids = torch.zeros(1, 1, dtype=torch.long)
    for warper in [
        TemperatureLogitsWarper(temperature),
        *([TopKLogitsWarper(top_k)] if top_k else []),
        *([TopPLogitsWarper(top_p)] if top_p < 1 else []),
    ]:
        warped = warper(ids, warped)
    tokens, left = candidates(scores, sampling)
    expected = warped[0].isfinite().nonzero()[:, 0]
    assert tokens.tolist() == expected.tolist()
    np.testing.assert_allclose(left, warped[0, expected].numpy(), rtol=1e-12)


def test_equal_scores_are_all_kept() -> None:
    scores = np.array([1.0, 2.0, 2.0, 0.0, 2.0])
    for sampling in (SamplingParams(temperature=1, top_k=2), SamplingParams(temperature=1, top_p=0.5)):
        assert candidates(scores, sampling)[0].tolist() == [1, 2, 4]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_are_sampled_as_often_as_the_softmax_says(temperature: float) -> None:
    """Over seeds, and over the positions of one seed. Bounds: six standard deviations of a count."""
    scores, draws = random_scores(1, vocabulary=12, spread=1.0), 20_000
    expected = draws * torch.tensor(scores / temperature).softmax(-1).numpy()
    for by_seed in (True, False):
        counts = Counter(
            sample_token(
                scores,
                SamplingParams(temperature=temperature, seed=draw if by_seed else 3),
                position=5 if by_seed else draw,
            )
            for draw in range(draws)
        )
        found = np.array([counts[token] for token in range(len(scores))])
        assert (np.abs(found - expected) < 6 * np.sqrt(expected)).all()


def test_the_noise_of_neighbouring_tokens_positions_and_seeds_is_independent() -> None:
    tokens = np.arange(VOCABULARY)
    noise = [gumbel_noise(*at, tokens) for at in [(0, 0), (0, 1), (1, 0), (1, 1), (2**63 - 1, 0)]]
    assert np.abs(np.corrcoef(noise) - np.eye(5)).max() < 0.03
    assert abs(np.corrcoef(noise[0][:-1], noise[0][1:])[0, 1]) < 0.03
    assert [round(float(each.mean()), 1) for each in noise] == [0.6] * 5, "0.577 for a Gumbel distribution"
    assert all(np.isfinite(each).all() for each in noise)


def test_the_noise_of_a_token_does_not_depend_on_the_others() -> None:
    whole = gumbel_noise(5, 17, np.arange(1000))
    np.testing.assert_array_equal(gumbel_noise(5, 17, np.array([3, 999])), whole[[3, 999]])


@given(seed=st.integers(0, 2**63 - 1), position=st.integers(0, 8191), temperature=st.floats(0.01, 2))
def test_a_single_candidate_is_always_chosen(seed: int, position: int, temperature: float) -> None:
    scores = random_scores(seed % 1000, vocabulary=50)
    for sampling in (
        SamplingParams(temperature=temperature, top_k=1, seed=seed),
        SamplingParams(temperature=temperature, top_p=1e-9, seed=seed),
    ):
        assert sample_token(scores, sampling, position) == int(scores.argmax())
