"""The check of an Apple GPU, on a CPU: it passes where all is right and finds planted faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import pytest

from daemon.inference.mlx.device_check import attention_fault, check_device, rotary_fault

CPU = mx.Device(mx.cpu)
ATTEND, ROTATE = mx.fast.scaled_dot_product_attention, mx.fast.rope


def without_mask(*arguments: Any, mask: object = None, **options: Any) -> mx.array:
    return ATTEND(*arguments, **options)


def first_mask_for_all(*arguments: Any, mask: Any = None, **options: Any) -> mx.array:
    wrong = mx.broadcast_to(mask[:1], mask.shape) if isinstance(mask, mx.array) else mask
    return ATTEND(*arguments, mask=wrong, **options)


def first_offset_for_all(*arguments: Any, offset: Any, **options: Any) -> mx.array:
    return ROTATE(*arguments, offset=offset[0], **options)


def test_sound_kernels_have_no_fault() -> None:
    assert attention_fault(CPU, mx.float32) is rotary_fault(CPU, mx.float32) is None


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("dtype", [mx.float32, mx.bfloat16])
def test_a_sound_device_has_no_fault(dtype: mx.Dtype) -> None:
    assert check_device(CPU, dtype) is None


def test_a_device_that_raises_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("device lost.")

    monkeypatch.setattr(mx.fast, "rope", fail)
    assert check_device(CPU, mx.float32) == "device lost"


@pytest.mark.parametrize("wrong", [without_mask, first_mask_for_all])
def test_wrong_attention_is_found(monkeypatch: pytest.MonkeyPatch, wrong: Callable[..., mx.array]) -> None:
    monkeypatch.setattr(mx.fast, "scaled_dot_product_attention", wrong)
    fault = attention_fault(CPU, mx.float32)
    assert fault is not None
    assert "keys" in fault


def test_one_rotary_offset_for_all_rows_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mx.fast, "rope", first_offset_for_all)
    fault = rotary_fault(CPU, mx.float32)
    assert fault is not None
    assert "rotary" in fault
