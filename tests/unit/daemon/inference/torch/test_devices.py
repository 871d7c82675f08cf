"""Devices and precisions, as far as they can be tested without the device."""

from __future__ import annotations

import platform
from types import SimpleNamespace

import psutil
import pytest
import torch

from daemon.errors import EngineError
from daemon.inference.torch.devices import (
    MAX_CACHED_BYTES,
    free_memory,
    has_bf16,
    memory_bytes,
    pick_device,
    pick_dtype,
    trim,
)

GB = 1024**3


@pytest.mark.parametrize(
    ("metal", "held", "machine", "free"),
    [(16 * GB, 2 * GB, 30 * GB, 14 * GB), (6 * GB, 1 * GB, 1 * GB, 1 * GB), (6 * GB, 7 * GB, 1 * GB, 0)],
)
def test_memory_that_an_apple_gpu_shares_is_free_only_where_no_program_holds_it(
    metal: int, held: int, machine: int, free: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: metal)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: held)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=machine))
    assert free_memory(torch.device("mps")) == free


@pytest.mark.parametrize(("kept", "handed_back"), [(MAX_CACHED_BYTES, 0), (MAX_CACHED_BYTES + 1, 1)])
def test_memory_that_metal_caches_is_not_counted_and_freed_when_it_is_much(
    kept: int, handed_back: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[None] = []
    monkeypatch.setattr(torch.mps, "current_allocated_memory", lambda: GB)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: GB + kept)
    monkeypatch.setattr(torch.mps, "empty_cache", lambda: calls.append(None))
    assert memory_bytes(torch.device("mps")) == GB
    trim(torch.device("mps"))
    trim(torch.device("cpu"))
    assert len(calls) == handed_back


def test_a_device_that_is_not_there_is_named() -> None:
    absent = "mps" if not torch.backends.mps.is_available() else "cuda"
    with pytest.raises(EngineError, match=f"no {absent} device"):
        pick_device(absent)


def test_precision_follows_the_device_unless_chosen() -> None:
    cpu = torch.device("cpu")
    assert pick_dtype("f32", cpu) is torch.float32
    assert pick_dtype("bf16", cpu) is torch.bfloat16
    assert pick_dtype("auto", cpu) is (torch.bfloat16 if has_bf16(cpu) else torch.float32)


def test_a_mac_s_cpu_computes_in_float32_because_its_bf16_has_no_matrix_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert pick_dtype("auto", torch.device("cpu")) is torch.bfloat16
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert pick_dtype("auto", torch.device("cpu")) is torch.float32


def test_a_cpu_without_onednn_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert pick_dtype("auto", torch.device("cpu")) is torch.float32
