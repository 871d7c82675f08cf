"""Checks an Apple GPU before it is trusted: the demo model on it against the CPU, batched against single.

Kernels have been wrong without any error: rotary positions of all rows but the first (mlx#3494), masked attention from
1,024 keys on (mlx#4022). The demo model's heads are 32 wide and the real ones 64, so attention is checked at the real
shapes too, without weights. Control tiles, asked after loading, check whether the real weights depend on the picture.
"""

from __future__ import annotations

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from daemon.inference.batch.runner_protocol import RunnerError
from daemon.inference.device_check_inputs import CheckInputs, SingleResults
from daemon.inference.device_faults import fault_in, relative_error
from daemon.inference.mlx.devices import empty_cache
from daemon.inference.mlx.model_runner import MlxRunner
from daemon.inference.smolvlm.checkpoint import read_spec
from daemon.inference.smolvlm.processor import Floats
from daemon.inference.weights.sources import DEMO

#: How far scores in a batch may be off single ones.
MAX_BATCH_ERROR = {mx.float32: 0.005, mx.bfloat16: 0.1, mx.float16: 0.05}
#: Sequences that may run at once; more than one, so that batches are compared.
ROWS = 8
#: Attention at the 500M model's shapes, with fewer heads of vision: rows, heads, heads of keys, queries, keys, width.
SHAPES = ((4, 15, 5, 1, 256, 64), (4, 15, 5, 1, 1280, 64), (1, 15, 5, 200, 2000, 64), (2, 2, 2, 1024, 1024, 64))
MAX_ATTENTION_ERROR = {mx.float32: 0.005, mx.bfloat16: 0.05, mx.float16: 0.02}


def check_device(device: mx.Device, dtype: mx.Dtype, bits: int | None = None) -> str | None:
    """What is wrong with `device` in this precision, as text for people, or None. It stays the default device."""
    try:
        fault = attention_fault(device, dtype) or rotary_fault(device, dtype)
        return fault or model_fault(device, dtype, bits)
    except (RunnerError, RuntimeError) as error:
        return str(error).rstrip(".")
    finally:
        mx.set_default_device(device)
        empty_cache()


def model_fault(device: mx.Device, dtype: mx.Dtype, bits: int | None) -> str | None:
    """The demo model on the device, in that precision, against the CPU in float32."""
    spec = read_spec(DEMO)
    inputs = CheckInputs(tile=spec.tile, image_id=spec.image_id, context=spec.context)
    expected = expected_results(inputs, bits)
    mx.set_default_device(device)
    runner = MlxRunner.from_folder(DEMO, device, dtype, bits=bits)
    single, batch = inputs.run_single(runner), inputs.run_batch(runner)
    return fault_in(single, batch, expected, rows=ROWS, max_batch_error=MAX_BATCH_ERROR[dtype])


def expected_results(inputs: CheckInputs, bits: int | None) -> SingleResults:
    cpu = mx.Device(mx.cpu)
    mx.set_default_device(cpu)
    return inputs.run_single(MlxRunner.from_folder(DEMO, cpu, mx.float32, bits=bits))


def attention_fault(device: mx.Device, dtype: mx.Dtype) -> str | None:
    for rows, heads, kv_heads, queries, keys, width in SHAPES:
        random = np.random.default_rng(keys)
        sizes = ((rows, heads, queries, width), (rows, kv_heads, keys, width), (rows, kv_heads, keys, width))
        given = [random.standard_normal(size).astype(np.float32) for size in sizes]
        ends = np.arange(keys - rows, keys)[:, None]
        mask = np.arange(keys) <= ends if queries == 1 else None
        with mx.stream(device):
            query, key, value = (mx.array(each).astype(dtype) for each in given)
            found = mx.fast.scaled_dot_product_attention(
                query,
                key,
                value,
                scale=width**-0.5,
                mask=mx.array(mask)[:, None, None] if mask is not None else "causal" if queries < keys else None,
            )
            attended = np.array(found.astype(mx.float32))
        expected = plain_attention(*given, mask=mask, causal=1 < queries < keys)
        if (error := relative_error(attended, expected)) > MAX_ATTENTION_ERROR[dtype]:
            return f"attention of {queries} queries over {keys} keys is {error:.1%} off"
    return None


def plain_attention(
    query: Floats, key: Floats, value: Floats, *, mask: NDArray[np.bool_] | None, causal: bool
) -> Floats:
    """In numpy: `mask` (rows, keys) of bools; `causal`: the last query belongs to the last key."""
    group = query.shape[1] // key.shape[1]
    key, value = np.repeat(key, group, 1), np.repeat(value, group, 1)
    scores = query @ key.swapaxes(-1, -2) * query.shape[-1] ** -0.5
    if mask is not None:
        scores = np.where(mask[:, None, None], scores, -np.inf)
    if causal:
        queries, keys = scores.shape[-2:]
        visible = np.arange(keys) <= np.arange(keys - queries, keys)[:, None]
        scores = np.where(visible, scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return np.asarray((weights / weights.sum(-1, keepdims=True)) @ value, np.float32)


def rotary_fault(device: mx.Device, dtype: mx.Dtype) -> str | None:
    """Rows of one token, each with a position of its own, up to the end of the context."""
    positions = np.array([0, 1, 700, 2500, 8000])
    given = np.random.default_rng(0).standard_normal((len(positions), 20, 1, 64)).astype(np.float32)
    with mx.stream(device):
        rotated = mx.fast.rope(
            mx.array(given).astype(dtype), 64, traditional=False, base=1e5, scale=1.0, offset=mx.array(positions)
        )
        found = np.array(rotated.astype(mx.float32))
    angles = positions[:, None] * 1e5 ** (-np.arange(0, 64, 2) / 64)
    cos, sin = np.cos(angles)[:, None, None], np.sin(angles)[:, None, None]
    first, second = given[..., :32], given[..., 32:]
    expected = np.concatenate([first * cos - second * sin, second * cos + first * sin], -1).astype(np.float32)
    if (error := relative_error(found, expected)) > MAX_ATTENTION_ERROR[dtype]:
        return f"rotary positions are {error:.1%} off"
    return None
