"""The defaults for the libraries under torch, and that these read them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from daemon.inference.torch.environment import SHAPE_CACHES, SPIN_COUNT, SPIN_COUNT_ON_MAC, set_library_defaults

PROGRAM = """
import os, sys
from daemon.inference.torch.environment import set_library_defaults
import daemon.worker.process
assert "torch" not in sys.modules
set_library_defaults(os.environ)
import torch
"""


def set_up(system: str = "linux", **environ: str) -> dict[str, str]:
    set_library_defaults(environ, system)
    return environ


def test_a_mac_s_openmp_has_another_variable_for_its_spins() -> None:
    assert set_up("darwin") == SPIN_COUNT_ON_MAC | SHAPE_CACHES
    assert set_up("darwin", KMP_BLOCKTIME="200") == {"KMP_BLOCKTIME": "200"} | SHAPE_CACHES
    assert set_up("darwin", OMP_WAIT_POLICY="PASSIVE") == {"OMP_WAIT_POLICY": "PASSIVE"} | SHAPE_CACHES


def test_libraries_spin_briefly_and_cache_few_shapes_unless_the_environment_sets_it() -> None:
    assert set_up() == SPIN_COUNT | SHAPE_CACHES
    assert set_up(GOMP_SPINCOUNT="7", LRU_CACHE_CAPACITY="9") == SPIN_COUNT | SHAPE_CACHES | {
        "GOMP_SPINCOUNT": "7",
        "LRU_CACHE_CAPACITY": "9",
    }
    assert set_up(OMP_WAIT_POLICY="ACTIVE") == SHAPE_CACHES | {"OMP_WAIT_POLICY": "ACTIVE"}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere torch ships another OpenMP, without this variable")
def test_openmp_gets_it_in_a_worker_that_has_not_imported_torch_before() -> None:
    environ = os.environ | {"OMP_DISPLAY_ENV": "VERBOSE"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environ, capture_output=True, text=True, check=True)
    assert f"GOMP_SPINCOUNT = '{SPIN_COUNT['GOMP_SPINCOUNT']}'" in done.stderr
