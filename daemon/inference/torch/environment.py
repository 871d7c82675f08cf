"""What the libraries under torch are told. They hear it in the environment, before torch is imported, or never.

OpenMP: at the end of every product its threads wait for the last of them. GNU's library, which torch ships on Linux,
lets them spin meanwhile: by default for 15 ms, in which they may well hold the very core that the last one needs, once
another process is busy too. Measured on two cores that others used as well: a step over 8 answers at the full model's
shape took 65 to 130 ms with short spins (50 µs) and 240 to 280 ms by default; 64 small products 23 to 50 ms and 120 to
780 ms. With the cores to itself, such a step took a tenth longer with spins of 50 µs than with 0.8 ms, which last from
one product to the next, over what Python does in between; still longer ones gained nothing. What 0.8 ms cost beside
other work was not measured. To spin without end (ACTIVE) helps less, and burns a core when nothing is to be done; not
to spin at all (PASSIVE) sends threads to sleep between any two products, which costs idle machines more.

oneDNN and what torch has between it and itself (ideep) each keep a program for the last 1024 shapes of matrices. Here
prompts have every length, and a program is soon made: measured over 500 files with the demo's model, memory rose by
250 kB a file, and with 64 shapes it stood still at a fifth less, for the same time.
"""

from __future__ import annotations

import sys
from collections.abc import MutableMapping

#: How OpenMP's threads wait: about 0.8 ms. PyTorch's packages for the Mac carry LLVM's library, which reads another
#: name, in milliseconds, and spins for 200 of them by default (KMP_BLOCKTIME, LLVM D113012).
SPINS = {"GOMP_SPINCOUNT": "16000"}
SPINS_ON_A_MAC = {"KMP_BLOCKTIME": "1"}
#: How many shapes oneDNN and ideep remember.
SHAPES = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64", "LRU_CACHE_CAPACITY": "64"}


def set_up_libraries(environ: MutableMapping[str, str], system: str = sys.platform) -> None:
    """What `environ` says already holds, and so does its own word on how OpenMP's threads wait."""
    spins = SPINS_ON_A_MAC if system == "darwin" else SPINS
    said = SHAPES if "OMP_WAIT_POLICY" in environ else SHAPES | spins
    for name, value in said.items():
        environ.setdefault(name, value)
