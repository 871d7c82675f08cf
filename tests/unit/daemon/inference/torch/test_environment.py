"""What torch's libraries are told, and that they hear it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from daemon.inference.torch.environment import SHAPE_CACHES, SPIN_COUNT, SPIN_COUNT_ON_MAC, set_library_defaults

TELL = """
import os, sys
from daemon.inference.torch.environment import set_up_libraries
import daemon.worker.process
assert "torch" not in sys.modules
set_up_libraries(os.environ)
import torch
"""


def set_up(system: str = "linux", **environ: str) -> dict[str, str]:
    set_library_defaults(environ, system)
    return environ


def test_a_mac_s_openmp_has_another_name_for_how_its_threads_wait() -> None:
    assert set_up("darwin") == SPIN_COUNT_ON_MAC | SHAPE_CACHES
    assert set_up("darwin", KMP_BLOCKTIME="200") == {"KMP_BLOCKTIME": "200"} | SHAPE_CACHES
    assert set_up("darwin", OMP_WAIT_POLICY="PASSIVE") == {"OMP_WAIT_POLICY": "PASSIVE"} | SHAPE_CACHES


def test_libraries_spin_briefly_and_remember_few_shapes_unless_somebody_said_otherwise() -> None:
    assert set_up() == SPIN_COUNT | SHAPE_CACHES
    assert set_up(GOMP_SPINCOUNT="7", LRU_CACHE_CAPACITY="9") == SPIN_COUNT | SHAPE_CACHES | {
        "GOMP_SPINCOUNT": "7",
        "LRU_CACHE_CAPACITY": "9",
    }
    assert set_up(OMP_WAIT_POLICY="ACTIVE") == SHAPE_CACHES | {"OMP_WAIT_POLICY": "ACTIVE"}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere torch comes with another OpenMP, which has no such word")
def test_openmp_hears_it_in_a_worker_which_has_not_imported_torch_before() -> None:
    environ = os.environ | {"OMP_DISPLAY_ENV": "VERBOSE"}
    told = subprocess.run([sys.executable, "-c", TELL], env=environ, capture_output=True, text=True, check=True)
    assert f"GOMP_SPINCOUNT = '{SPIN_COUNT['GOMP_SPINCOUNT']}'" in told.stderr
