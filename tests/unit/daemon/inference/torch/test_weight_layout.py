"""Weights in a new layout multiply as before, and the model with them computes what transformers' computes."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm, scaled_dot_product_attention
from transformers import SmolVLMForConditionalGeneration

from daemon.errors import EngineError
from daemon.inference.torch.attention import PrefillAttention
from daemon.inference.torch.devices import has_int8, require_int8
from daemon.inference.torch.linear import (
    fused_linear,
    gelu_linear,
    int8_layout,
    native_layout,
    packed_linear,
    should_pack,
)
from daemon.inference.torch.model_runner import TorchRunner
from daemon.inference.torch.vision_model import attend
from tests.support.checkpoints import write_tiny_checkpoint

MAPS = Path("/proc/self/maps")
EIGHT_BITS = pytest.mark.skipif(not has_int8(torch.device("cpu")), reason="this processor has no VNNI instructions")
BF16, F32 = torch.bfloat16, torch.float32


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def tiles() -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    return list(np.random.default_rng(3).standard_normal((3, 3, 64, 64), np.float32))


def transformers_features(checkpoint: Path, tiles: list[Any], dtype: torch.dtype) -> Tensor:
    model: Any = SmolVLMForConditionalGeneration.from_pretrained(checkpoint, dtype=dtype).eval()
    with torch.inference_mode():
        states = model.model.vision_model(pixel_values=torch.from_numpy(np.stack(tiles)).to(dtype)).last_hidden_state
        features: Tensor = model.model.connector(states)
        return features.float()


def our_features(checkpoint: Path, tiles: list[Any], dtype: torch.dtype) -> Tensor:
    runner = TorchRunner.from_folder(checkpoint, torch.device("cpu"), dtype)
    return torch.stack(runner.encode_images(tiles)).float()


def test_features_in_float32_equal_transformers_own(checkpoint: Path, tiles: list[Any]) -> None:
    ours, theirs = (features(checkpoint, tiles, F32) for features in (our_features, transformers_features))
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_features_in_bf16_are_as_close_to_the_truth_as_transformers_own(checkpoint: Path, tiles: list[Any]) -> None:
    truth = transformers_features(checkpoint, tiles, F32)
    theirs, ours = (
        (features(checkpoint, tiles, BF16) - truth).norm() for features in (transformers_features, our_features)
    )
    assert ours < 1.2 * theirs
    assert ours < 0.1 * truth.norm()


IDS = list(range(3, 90))


def transformers_states(checkpoint: Path, dtype: torch.dtype) -> Tensor:
    """What the language model makes of some tokens, (tokens, hidden)."""
    model: Any = SmolVLMForConditionalGeneration.from_pretrained(checkpoint, dtype=dtype).eval()
    with torch.inference_mode():
        states: Tensor = model.model.text_model(input_ids=torch.tensor([IDS])).last_hidden_state[0]
        return states.float()


def our_states(checkpoint: Path, dtype: torch.dtype) -> Tensor:
    runner = TorchRunner.from_folder(checkpoint, torch.device("cpu"), dtype)
    text, number = runner._text, runner.add(IDS, (), 256)
    row = runner._cache[number]
    with torch.inference_mode():
        hidden = text(row.pending, torch.arange(len(IDS)), PrefillAttention([(row, len(IDS))]))
        return rms_norm(hidden, hidden.shape[-1:], text.norm, text.eps).float()


def test_states_in_float32_equal_transformers_own(checkpoint: Path) -> None:
    torch.testing.assert_close(our_states(checkpoint, F32), transformers_states(checkpoint, F32), atol=1e-4, rtol=1e-4)


def test_states_in_bf16_are_as_close_to_the_truth_as_transformers_own(checkpoint: Path) -> None:
    truth = transformers_states(checkpoint, F32)
    theirs, ours = ((states(checkpoint, BF16) - truth).norm() for states in (transformers_states, our_states))
    assert ours < 1.2 * theirs
    assert ours < 0.2 * truth.norm()


@pytest.mark.parametrize("dtype", [F32, BF16])
def test_attention_by_plain_products_equals_the_fused_kernel(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    queries, keys, values = torch.randn(3, 2, 3, 40, 16).to(dtype)
    near = 1e-5 if dtype is F32 else 2e-2
    expected = scaled_dot_product_attention(queries, keys, values)
    torch.testing.assert_close(attend(queries, keys, values), expected, atol=near, rtol=near)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [F32, BF16])
def test_fused_layers_give_their_results_side_by_side(dtype: torch.dtype, bias: bool) -> None:
    torch.manual_seed(0)
    layers = [nn.Linear(24, width, bias=bias).to(dtype) for width in (8, 16, 40)]
    given = torch.randn(2, 5, 24).to(dtype)
    with torch.inference_mode():
        expected = torch.cat([layer(given) for layer in layers], -1)
        torch.testing.assert_close(fused_linear(*layers)(given), expected)


def test_bf16_weights_are_packed_where_the_processor_multiplies_them(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = torch.randn(8, 4)
    assert not should_pack(weight), "float32 stays as it is"
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not should_pack(weight.to(BF16))
    torch.testing.assert_close(native_layout(weight.to(BF16), None)(torch.eye(4).to(BF16)), weight.to(BF16).T)


@pytest.mark.skipif(not should_pack(torch.ones(1, 1, dtype=BF16)), reason="this processor does not multiply bf16")
@pytest.mark.parametrize("rows", [1, 3, 32, 200])
def test_packed_weights_multiply_as_plain_ones_whatever_the_number_of_rows(rows: int) -> None:
    torch.manual_seed(0)
    weight, bias, given = torch.randn(48, 64).to(BF16), torch.randn(48).to(BF16), torch.randn(rows, 64).to(BF16)
    layer: Any = native_layout(weight, bias)
    assert layer.func is packed_linear
    exact = nn.functional.linear(given.float(), weight.float(), bias.float())
    torch.testing.assert_close(layer(given).float(), exact, atol=0.1, rtol=1e-2)


@pytest.mark.parametrize("dtype", [F32, BF16])
def test_a_layer_with_gelu_is_the_layer_and_then_its_tanh_form(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layer, given = nn.Linear(24, 40).to(dtype), torch.randn(2, 5, 24).to(dtype)
    near = 1e-5 if dtype is F32 else 3e-2
    with torch.inference_mode():
        expected = nn.functional.gelu(layer(given).float(), approximate="tanh").to(dtype)
        torch.testing.assert_close(gelu_linear(layer)(given), expected, atol=near, rtol=near)


@EIGHT_BITS
@pytest.mark.parametrize("dtype", [F32, BF16])
@pytest.mark.parametrize("rows", [1, 3, 300])
def test_int8_weights_multiply_nearly_as_the_exact_ones(rows: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    weight, bias, given = torch.randn(48, 64).to(dtype), torch.randn(48).to(dtype), torch.randn(2, rows, 64).to(dtype)
    exact = nn.functional.linear(given.float(), weight.float(), bias.float())
    for found, expected in (
        (int8_layout(weight, bias)(given), exact),
        (int8_layout(weight, None)(given), exact - bias.float()),
    ):
        assert found.dtype is dtype
        assert (found.float() - expected).norm() < 0.02 * expected.norm()


@EIGHT_BITS
def test_a_row_in_int8_never_depends_on_its_neighbours() -> None:
    torch.manual_seed(0)
    multiply, given = int8_layout(torch.randn(48, 64), torch.randn(48)), torch.randn(300, 64)
    alone = torch.cat([multiply(row[None]) for row in given])
    given[1::2] *= 1000  # one scale for all rows would leave the others no level but zero
    torch.testing.assert_close(multiply(given)[::2], alone[::2], atol=0, rtol=0)


@EIGHT_BITS
def test_a_row_of_zeros_in_int8_is_the_bias() -> None:
    bias = torch.randn(48)
    torch.testing.assert_close(int8_layout(torch.zeros(48, 64), bias)(torch.zeros(1, 64))[0], bias)


def test_int8_is_refused_where_it_would_be_slower() -> None:
    with pytest.raises(EngineError, match="VNNI") as caught:
        require_int8(torch.device("mps"))
    assert "model.precision" in caught.value.advice


@pytest.mark.skipif(not MAPS.exists(), reason="this system does not list what is mapped")
@pytest.mark.parametrize("dtype", [F32, BF16])
def test_the_file_is_unmapped_once_its_weights_have_their_layout(tmp_path: Path, dtype: torch.dtype) -> None:
    """Mapped, it would take the weights' memory a second time."""
    folder = write_tiny_checkpoint(tmp_path)
    runner = TorchRunner.from_folder(folder, torch.device("cpu"), dtype)
    gc.collect()
    assert str(tmp_path) not in MAPS.read_text()
    runner.empty_cache()
