"""The table of published models: names, places and sizes that fit each other."""

from __future__ import annotations

import re

import pytest

from config.settings import DEFAULT_MODEL, DEFAULT_REVISION
from daemon.inference.weights.published_models import PUBLISHED, hub_place, pinned_sha256, published


def test_every_model_has_a_whole_commit_and_whole_digests() -> None:
    for model in PUBLISHED:
        assert re.fullmatch(r"[0-9a-f]{40}", model.revision)
        assert model.sha256
        assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in model.sha256.values())
        assert model.repository.startswith("HuggingFaceTB/SmolVLM2-")
        assert model.short.upper() in model.repository
        assert model.licence == "Apache-2.0"


def test_the_download_is_the_parameters_in_32_bits_and_a_little_more() -> None:
    for model in PUBLISHED:
        assert 1 < model.bytes / (4 * model.parameters) < 1.005
        assert model.memory_bytes > 2 * model.parameters, "they run in 16 bits"


@pytest.mark.parametrize(("name", "short"), [("256m", "256m"), ("2.2B", "2.2b"), (DEFAULT_MODEL, "500m")])
def test_a_model_is_known_by_its_short_name_in_any_case_and_by_its_repository(name: str, short: str) -> None:
    model = published(name)
    assert model is not None
    assert model.short == short
    assert published("smolvlm") is published("someone/256m") is None


def test_the_default_commit_stands_for_the_own_one_of_every_published_model() -> None:
    small = PUBLISHED[0]
    assert hub_place("256m", DEFAULT_REVISION) == (small.repository, small.revision)
    assert hub_place(small.repository, DEFAULT_REVISION) == (small.repository, small.revision)
    assert hub_place("256m", "mine") == (small.repository, "mine"), "a commit that was chosen is kept"
    assert hub_place("someone/else", DEFAULT_REVISION) == ("someone/else", DEFAULT_REVISION)


def test_digests_are_pinned_for_the_published_commit_alone() -> None:
    name = "model.safetensors"
    assert pinned_sha256(DEFAULT_MODEL, DEFAULT_REVISION, name) == PUBLISHED[1].sha256[name]
    assert pinned_sha256(DEFAULT_MODEL, "other", "model.safetensors") is None
    assert pinned_sha256(DEFAULT_MODEL, DEFAULT_REVISION, "config.json") is None
    assert pinned_sha256("someone/else", DEFAULT_REVISION, "model.safetensors") is None
