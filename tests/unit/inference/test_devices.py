"""Where a model runs, as far as it can be told without the device."""

from __future__ import annotations

from types import SimpleNamespace

import psutil
import pytest
import torch

from daemon.inference.devices import free_memory

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
