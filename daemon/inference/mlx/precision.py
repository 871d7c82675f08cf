"""Chooses between float16 and bfloat16 by timing both: which is faster depends on the chip."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import mlx.core as mx

#: A tile's patches and the vision tower's products, which take most of the time.
ROWS, WIDTH, INNER = 1024, 768, 3072
ROUNDS, PRODUCTS = 5, 8
#: bfloat16 has the larger range and is the precision that the model was trained in.
MIN_GAIN = 1.1


def choose(seconds: Mapping[str, float]) -> tuple[str, str]:
    """The dtype's name and the reason, from the seconds of the same work in "bfloat16" and "float16"."""
    gain = seconds["bfloat16"] / seconds["float16"]
    chosen = "float16" if gain >= MIN_GAIN else "bfloat16"
    times = ", ".join(f"{1000 * seconds[name]:.1f} ms in {name}" for name in sorted(seconds))
    return chosen, f"Precision: {chosen}; {PRODUCTS} products take {times}."


def fastest_dtype(
    work: Callable[[mx.Dtype], object] | None = None, clock: Callable[[], float] = time.perf_counter
) -> tuple[mx.Dtype, tuple[str, ...]]:
    """float16 if it is clearly faster on the current device, else bfloat16, with a note.

    `work` is what is timed, products by default.
    """
    dtypes = {"bfloat16": mx.bfloat16, "float16": mx.float16}
    taken: dict[str, list[float]] = {name: [] for name in dtypes}
    for number in range(ROUNDS + 1):
        for name, dtype in dtypes.items():
            began = clock()
            (work or multiply)(dtype)
            if number:  # the first round compiles
                taken[name].append(clock() - began)
    chosen, note = choose({name: statistics.median(times) for name, times in taken.items()})
    return dtypes[chosen], (note,)


def multiply(dtype: mx.Dtype) -> None:
    rows, weight = mx.ones((ROWS, WIDTH), dtype), mx.ones((INNER, WIDTH), dtype)
    products = [rows @ weight.T + number for number in range(PRODUCTS)]
    mx.eval(products)
