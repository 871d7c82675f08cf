"""The shape rules of the published sizes, in tiny models: both engines read and run them as transformers does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
import torch

from daemon.inference.mlx.model_runner import MlxRunner
from daemon.inference.smolvlm.architecture import HEAD, read_architecture
from daemon.inference.torch.model_runner import TorchRunner
from daemon.inference.weights.safetensors_header import stored_tensors
from tests.support.published_twins import TWINS, write_twin
from tests.support.request_mixes import ASKED, REQUESTS, drained, expectation, new_batch
from tests.support.torch_reference import Reference

RUNNERS: dict[str, Callable[[Path], Any]] = {
    "torch": lambda folder: TorchRunner.from_folder(folder, torch.device("cpu"), torch.float32),
    "mlx": lambda folder: MlxRunner.from_folder(folder, mx.Device(mx.cpu), mx.float32),
}
#: A picture, a video and text alone.
SOME = (REQUESTS[0], REQUESTS[1], REQUESTS[6])
LIMIT = 8


@pytest.fixture(scope="module", params=[(size, tied) for size in TWINS for tied in (False, True)], ids=str)
def twin(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    size, tied = request.param
    return write_twin(tmp_path_factory.mktemp("twin"), size, tied=tied)


@pytest.fixture(scope="module")
def reference(twin: Path) -> Reference:
    torch.set_num_threads(1)
    return Reference(twin)


def test_the_rule_gives_every_tensor_of_the_file(twin: Path) -> None:
    architecture = read_architecture(twin)
    shapes = architecture.shapes()
    assert {tensor.name: tuple(tensor.shape) for tensor in stored_tensors(twin / "model.safetensors")} == shapes
    assert (HEAD in shapes) is not architecture.is_tied


@pytest.mark.parametrize("engine", RUNNERS)
def test_a_tile_has_the_features_of_transformers(twin: Path, reference: Reference, engine: str) -> None:
    runner, spec = RUNNERS[engine](twin), reference.processor.spec
    tiles = np.random.default_rng(0).standard_normal((2, 3, spec.tile, spec.tile), np.float32)
    found = np.stack([runner.on_host(each) for each in runner.encode_images(list(tiles))])
    expected = reference.features(tiles)
    assert found.shape[1] == spec.tokens_per_tile == 4
    np.testing.assert_allclose(found, expected, atol=1e-3 * expected.std())


@pytest.mark.parametrize("engine", RUNNERS)
def test_answers_are_those_of_transformers_token_for_token(twin: Path, reference: Reference, engine: str) -> None:
    """All in one batch."""
    batch, expect = new_batch(RUNNERS[engine](twin), reference), expectation(reference)
    groups = {reference.group(request, ASKED[:1], LIMIT): request for request in SOME}
    for group in groups:
        batch.add(group)
    assert set(drained(batch, 40)) == set(groups)
    for group, request in groups.items():
        assert [sequence.output_ids for sequence in group.sequences] == expect(request, ASKED[:1], LIMIT)
