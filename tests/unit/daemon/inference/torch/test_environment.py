"""What torch's libraries are told, and that they hear it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from daemon.inference.torch.environment import SHAPES, SPINS, SPINS_ON_A_MAC, set_up_libraries

TELL = """
import os, sys
from daemon.inference.torch.environment import set_up_libraries
import daemon.worker.process
assert "torch" not in sys.modules
set_up_libraries(os.environ)
import torch
"""


def set_up(system: str = "linux", **environ: str) -> dict[str, str]:
    set_up_libraries(environ, system)
    return environ


def test_a_mac_s_openmp_has_another_name_for_how_its_threads_wait() -> None:
    assert set_up("darwin") == SPINS_ON_A_MAC | SHAPES
    assert set_up("darwin", KMP_BLOCKTIME="200") == {"KMP_BLOCKTIME": "200"} | SHAPES
    assert set_up("darwin", OMP_WAIT_POLICY="PASSIVE") == {"OMP_WAIT_POLICY": "PASSIVE"} | SHAPES


def test_libraries_spin_briefly_and_remember_few_shapes_unless_somebody_said_otherwise() -> None:
    assert set_up() == SPINS | SHAPES
    assert set_up(GOMP_SPINCOUNT="7", LRU_CACHE_CAPACITY="9") == SPINS | SHAPES | {
        "GOMP_SPINCOUNT": "7",
        "LRU_CACHE_CAPACITY": "9",
    }
    assert set_up(OMP_WAIT_POLICY="ACTIVE") == SHAPES | {"OMP_WAIT_POLICY": "ACTIVE"}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere torch comes with another OpenMP, which has no such word")
def test_openmp_hears_it_in_a_worker_which_has_not_imported_torch_before() -> None:
    environ = os.environ | {"OMP_DISPLAY_ENV": "VERBOSE"}
    told = subprocess.run([sys.executable, "-c", TELL], env=environ, capture_output=True, text=True, check=True)
    assert f"GOMP_SPINCOUNT = '{SPINS['GOMP_SPINCOUNT']}'" in told.stderr
