"""Environment variables that must be set before torch is imported.

OpenMP: at the end of every product its threads wait for the last one. GNU's library, which torch ships on Linux, lets
them spin, by default for 15 ms, and they may block the very core that the last one needs once another process is busy.
Measured on two cores with other load: a decode step of 8 answers at the full model's shape took 65 to 130 ms with short
spins (50 µs) and 240 to 280 ms by default; 64 small products 23 to 50 ms and 120 to 780 ms. On idle cores, such a step
took 10 % longer with spins of 50 µs than with 0.8 ms, which bridge the Python code between two products; longer spins
gained nothing. The cost of 0.8 ms under other load was not measured. Spinning without end (ACTIVE) helps less and
burns a core when idle; never spinning (PASSIVE) puts threads to sleep between any two products, which costs idle
machines more.

oneDNN and torch's layer over it (ideep) each cache a compiled program for the last 1024 matrix shapes. Here prompts
have every length, and a program is compiled quickly: measured over 500 files with the demo model, memory grew by 250 kB
a file, and with 64 shapes it was constant, a fifth lower, for the same time.
"""

from __future__ import annotations

import sys
from collections.abc import MutableMapping

#: How long OpenMP's threads spin: about 0.8 ms. PyTorch's packages for the Mac ship LLVM's library, which has another
#: variable, in milliseconds, 200 by default (KMP_BLOCKTIME, LLVM D113012).
SPIN_COUNT = {"GOMP_SPINCOUNT": "16000"}
SPIN_COUNT_ON_MAC = {"KMP_BLOCKTIME": "1"}
#: How many shapes oneDNN and ideep cache.
SHAPE_CACHES = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64", "LRU_CACHE_CAPACITY": "64"}


def set_library_defaults(environ: MutableMapping[str, str], system: str = sys.platform) -> None:
    """Variables that are set already stay; with OMP_WAIT_POLICY set, no spin count is set."""
    spin_count = SPIN_COUNT_ON_MAC if system == "darwin" else SPIN_COUNT
    defaults = SHAPE_CACHES if "OMP_WAIT_POLICY" in environ else SHAPE_CACHES | spin_count
    for name, value in defaults.items():
        environ.setdefault(name, value)
