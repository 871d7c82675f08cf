"""How the threads of torch wait for each other, which must be said before torch is imported.

At the end of every product OpenMP's threads wait for the last of them. GNU's library, which torch ships on Linux, lets
them spin meanwhile: by default for 15 ms, in which they may well hold the very core that the last one needs, once some
other process is busy too. Measured on two cores that others used as well: a step over 8 answers at the model's full
shape took 65 to 130 ms with short spins and 240 to 280 ms by default; 64 small products 23 to 50 ms and 120 to 780 ms.
To spin without end (ACTIVE) helps less, and burns a core when nothing is to be done; not to spin at all (PASSIVE) sends
threads to sleep between any two products, which costs idle machines more.
"""

from __future__ import annotations

from collections.abc import MutableMapping

#: About 50 µs: longer than from one product to the next.
SPINS = "1000"


def spin_briefly(environ: MutableMapping[str, str]) -> None:
    """Have waiting threads spin briefly before they sleep, unless `environ` says already how they wait."""
    if "OMP_WAIT_POLICY" not in environ:
        environ.setdefault("GOMP_SPINCOUNT", SPINS)
