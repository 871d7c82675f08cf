from __future__ import annotations

from itertools import count

import mlx.core as mx

from daemon.inference.mlx.precision import choose, fastest_dtype


def test_float16_is_chosen_only_where_it_is_clearly_faster() -> None:
    assert choose({"bfloat16": 1.0, "float16": 0.8})[0] == "float16"
    assert choose({"bfloat16": 1.0, "float16": 0.95})[0] == "bfloat16"
    assert choose({"bfloat16": 0.8, "float16": 1.0}) == (
        "bfloat16",
        "Precision: bfloat16; 8 products take 800.0 ms in bfloat16, 1000.0 ms in float16.",
    )


def test_equal_times_leave_the_precision_of_the_training() -> None:
    ticks = count()
    worked: list[mx.Dtype] = []
    dtype, notes = fastest_dtype(worked.append, clock=lambda: float(next(ticks)))
    assert dtype == mx.bfloat16
    assert "bfloat16" in notes[0]
    assert worked == [mx.bfloat16, mx.float16] * 6, "interleaved; the first round is not counted"
