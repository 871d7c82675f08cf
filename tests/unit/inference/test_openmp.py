"""How OpenMP's threads wait: what is said to the library, and that it hears it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from daemon.inference.openmp import SPINS, spin_briefly

TELL = """
import os, sys
from daemon.inference.openmp import spin_briefly
import daemon.worker.process
assert "torch" not in sys.modules
spin_briefly(os.environ)
import torch
"""


def test_threads_spin_briefly_unless_somebody_said_otherwise() -> None:
    environ: dict[str, str] = {}
    spin_briefly(environ)
    assert environ == {"GOMP_SPINCOUNT": SPINS}
    for said in ({"GOMP_SPINCOUNT": "7"}, {"OMP_WAIT_POLICY": "ACTIVE"}):
        environ = dict(said)
        spin_briefly(environ)
        assert environ == said


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere torch comes with another OpenMP, which has no such word")
def test_the_library_hears_it_in_a_worker_which_has_not_imported_torch_before() -> None:
    environ = os.environ | {"OMP_DISPLAY_ENV": "VERBOSE"}
    told = subprocess.run([sys.executable, "-c", TELL], env=environ, capture_output=True, text=True, check=True)
    assert f"GOMP_SPINCOUNT = '{SPINS}'" in told.stderr
