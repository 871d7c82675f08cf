"""What the model's shape demands, counted by hand for a small one."""

from __future__ import annotations

from pathlib import Path

import torch

from daemon.inference.torch.reference import ReferenceLoop
from daemon.inference.torch.roofline import MatrixProduct, copy_rate, cost_of, product_rate
from tests.support.checkpoints import write_tiny_checkpoint

CPU = torch.device("cpu")


def test_the_needs_of_a_model_are_those_of_its_shape(tmp_path: Path) -> None:
    loop = ReferenceLoop.from_folder(write_tiny_checkpoint(tmp_path), device="cpu", precision="f32")
    needs = cost_of(loop.model)
    patches, hidden, inner, layers = 64, 144, 576, 4
    linears = layers * (4 * hidden * hidden + 2 * hidden * inner)
    first, attention = 3 * 8 * 8 * hidden, layers * 2 * patches * hidden
    joining = 4 * (16 * hidden) * 192
    assert needs.operations_per_tile == 2 * (patches * (linears + first + attention) + joining)
    text = 192 * (192 + 64 + 64 + 192) + 3 * 192 * 512 + 2 * 192
    assert needs.bytes_per_token == 4 * (4 * text + loop.model.lm_head.weight.numel())
    assert needs.widths == ((144, 144), (144, 576), (576, 144))


def test_rates_are_measured() -> None:
    product = MatrixProduct("f32", 64, 32, 16)
    assert product.operations == 2 * 64 * 32 * 16
    assert product_rate(product, CPU) > 0
    assert copy_rate(1 << 20, CPU) > 0
