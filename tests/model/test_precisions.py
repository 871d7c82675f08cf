"""What fewer bits cost: the demo model's captions in each precision, and the full shape's answers against float32.

Random weights say nothing of captions: their likeliest tokens are near ties, which every rounding decides anew. Their
figures are printed to be compared; what is asserted is that float32 is exact, and that the others are not broken.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch

from config.recipes import load_recipe
from config.settings import ModelSettings, Settings
from daemon.inference.registry import make_engine
from daemon.inference.smolvlm.processor import Processor
from daemon.inference.torch.devices import has_int8
from daemon.inference.torch.linear import Layout, int8_layout, native_layout
from daemon.inference.torch.model_runner import TorchRunner
from daemon.inference.weights.sources import write_random
from tests.contracts.test_engine import picture
from tests.model.conftest import asking
from tests.model.test_demo_captions import only, right_share
from tests.support.demo_world.gallery import pictures
from tests.support.torch_reference import Reference, batched_outputs

CPU = torch.device("cpu")
ASKED = load_recipe().image
TOKENS = 6
SHOWN = [picture(name, size=size) for name, size in (("a", (640, 480)), ("b", (300, 512)), ("c", (512, 512)))]
PRECISIONS: dict[str, tuple[torch.dtype, Layout]] = {
    "bf16": (torch.bfloat16, native_layout),
    "int8": (torch.bfloat16, int8_layout),
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def needs_int8(precision: str) -> None:
    if precision == "int8" and not has_int8(CPU):
        pytest.skip("this processor has no VNNI instructions")


@pytest.mark.parametrize("precision", ["f32", "bf16", "int8"])
def test_the_demo_model_captions_as_well_in_fewer_bits(precision: str, tmp_path: Path) -> None:
    needs_int8(precision)
    model = ModelSettings.model_validate({"id": "demo", "rows": 16, "device": "cpu", "precision": precision})
    shown = pictures(tmp_path, seed=2026, count=500)
    with closing(make_engine(Settings(home=tmp_path, model=model))) as engine:
        info = engine.load()
        with asking(engine, info) as ask:
            share = right_share(shown, ask(shown, only(ASKED, "caption")), "caption")
    print(f"captioned exactly in {precision}: {share:.3f} of {len(shown)}")
    assert share >= 0.97


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("random500")
    write_random(made)
    return made


@pytest.fixture(scope="module")
def truth(folder: Path) -> list[list[int]]:
    """What transformers' `generate` writes in float32, one prompt at a time."""
    reference = Reference(folder)
    return [reference.generated(request, question, TOKENS) for request in SHOWN for question in ASKED]


def written(folder: Path, dtype: torch.dtype, lay: Layout) -> list[list[int]]:
    """What the batch writes, all at once."""
    processor = Processor.from_folder(folder, detail="fast")
    runner = TorchRunner.from_folder(folder, CPU, dtype, lay)
    return batched_outputs(runner, processor, SHOWN, ASKED, TOKENS, max_sequences=6, max_tokens=20_000)


def test_the_full_shape_in_float32_writes_what_transformers_writes(folder: Path, truth: list[list[int]]) -> None:
    assert written(folder, torch.float32, native_layout) == truth


@pytest.mark.parametrize("precision", list(PRECISIONS))
def test_the_full_shape_in_fewer_bits_is_near_float32(precision: str, folder: Path) -> None:
    needs_int8(precision)
    dtype, lay = PRECISIONS[precision]
    tiles = list(np.random.default_rng(0).standard_normal((2, 3, 512, 512), np.float32))
    exact = torch.stack(TorchRunner.from_folder(folder, CPU, torch.float32).encode_images(tiles))
    near = torch.stack(TorchRunner.from_folder(folder, CPU, dtype, lay).encode_images(tiles)).float()
    off = float((near - exact).norm() / exact.norm())
    print(f"{precision}: what is seen is {off:.4f} off float32")
    assert off < 0.1


@pytest.mark.parametrize("precision", list(PRECISIONS))
def test_answers_in_fewer_bits_beside_those_in_float32(precision: str, folder: Path, truth: list[list[int]]) -> None:
    needs_int8(precision)
    found = written(folder, *PRECISIONS[precision])
    first = sum(ours[0] == exact[0] for ours, exact in zip(found, truth, strict=True))
    tokens = sum(a == b for ours, exact in zip(found, truth, strict=True) for a, b in zip(ours, exact, strict=True))
    print(f"{precision}: {first} of {len(truth)} first tokens, {tokens} of {len(truth) * TOKENS} tokens as in float32")
    assert [len(answer) for answer in found] == [TOKENS] * len(truth)
