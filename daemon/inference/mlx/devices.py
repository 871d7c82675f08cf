"""MLX's devices and memory."""

from __future__ import annotations

import gc

import mlx.core as mx
import psutil

from daemon.errors import EngineError

#: Freed memory that MLX may keep for reuse. Its own limit is the whole memory (mlx#3350).
CACHE_BYTES = 512 * 1024**2
NAMES = {"gpu": "metal", "cpu": "cpu"}


def pick_device(chosen: str) -> mx.Device:
    """ "auto" is an Apple GPU, else the CPU. Raises EngineError for a missing one."""
    has_gpu = mx.metal.is_available()
    if chosen == "cpu" or (chosen == "auto" and not has_gpu):
        return mx.Device(mx.cpu)
    if chosen in ("auto", "mps") and has_gpu:
        return mx.Device(mx.gpu)
    raise EngineError(f"MLX has no {chosen} device on this machine.", advice="Set model.device to auto.")


def use_device(device: mx.Device) -> None:
    """Run all further work of this process there.

    The limit for wired memory stays as it is: raising it has led to kernel panics (mlx#3186), and so small a model
    needs no wired memory.
    """
    mx.set_default_device(device)
    mx.set_cache_limit(CACHE_BYTES)


def is_gpu(device: mx.Device) -> bool:
    return device.type == mx.gpu


def device_name(device: mx.Device) -> str:
    """For people."""
    return str(mx.device_info(device).get("device_name", "")) or NAMES["gpu" if is_gpu(device) else "cpu"]


def free_memory(device: mx.Device) -> int:
    """Free bytes. An Apple GPU shares the machine's memory, and Metal's limit does not count other programs."""
    available = psutil.virtual_memory().available
    if not is_gpu(device):
        return available
    limit = int(mx.device_info(device)["max_recommended_working_set_size"])
    return max(0, min(limit - mx.get_active_memory(), available))


def memory_bytes(device: mx.Device) -> int:
    """Bytes in use on a GPU; 0 on a CPU, where the process's memory counts."""
    return mx.get_active_memory() if is_gpu(device) else 0


def empty_cache() -> None:
    """Returns freed memory to the system."""
    gc.collect()
    mx.clear_cache()
