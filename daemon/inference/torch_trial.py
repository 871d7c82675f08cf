"""Whether a device computes what a CPU does, alone and among others; and what is left out until it does.

Kernels of young devices were seen to be wrong for batches, for masks or in 16 bits, without any error. So a model is
tried before it is trusted: a tile of noise is looked at, and three prompts about it are read and written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from daemon.errors import EngineError
from daemon.inference.batch.runner import RunnerError
from daemon.inference.devices import NAMES, give_back
from daemon.inference.torch_attention import Kernel, fused, plain
from daemon.inference.torch_runner import TorchRunner

#: Tokens of the prompts after the picture; the first ones of every prompt are the same and may be shared.
TAILS = ((11, 12, 13, 14, 15), (11, 12, 16, 17, 18, 19, 20, 21, 22), (11, 12, 23))
SHARED = 2
WRITTEN = (31, 32)
ROOM = 256
#: How far scores may be off, as a share of their spread: rounding stays far below, wrong kernels are beyond 1.
OFF_THE_TRUTH = 0.25
OFF_ALONE = {torch.bfloat16: 0.1, torch.float32: 0.005}


@dataclass(frozen=True)
class Rung:
    """A way to compute; the later, the slower and the surer."""

    kernel: Kernel
    dtype: torch.dtype
    rows: int
    words: str


@dataclass(frozen=True)
class Shown:
    """Scores after every prompt and every token written, (steps x prompts, vocabulary), float32 on the CPU."""

    alone: Tensor
    together: Tensor


def rungs(dtype: torch.dtype, rows: int) -> Iterator[Rung]:
    """All ways from the fastest on, for a device that is to compute in `dtype` with so many `rows`."""
    yield Rung(fused, dtype, rows, "its own attention")
    yield Rung(plain, dtype, rows, "plain attention")
    if dtype is not torch.float32:
        yield Rung(plain, torch.float32, rows, "plain attention in float32")
    yield Rung(plain, torch.float32, 1, "plain attention in float32, one answer at a time")


def sound_runner(
    folder: Path, device: torch.device, ways: Sequence[Rung], tried: Callable[[TorchRunner], Shown]
) -> tuple[TorchRunner, Rung, tuple[str, ...]]:
    """The model on that device by the first way that computes soundly, and why the ways before it do not.

    `tried` tries a runner out. The CPU in float32 is the truth. Raises EngineError when no way is sound, and
    ModelUnavailableError as loading does.
    """
    truth = tried(TorchRunner.from_folder(folder, torch.device("cpu"), torch.float32))
    notes: list[str] = []
    for way in ways:
        try:
            runner = TorchRunner.from_folder(folder, device, way.dtype, kernel=way.kernel)
            trouble = judge(tried(runner), truth, way)
        except (RunnerError, RuntimeError) as error:  # the second: the weights do not fit on the device
            trouble = str(error).rstrip(".")
        give_back(device)
        if trouble is None:
            return runner, way, tuple(notes)
        notes.append(f"With {way.words}: {trouble}.")
    raise EngineError(
        f"The {NAMES[device.type]} computes this model wrong. {' '.join(notes)}", advice="Set model.device to cpu."
    )


def judge(found: Shown, truth: Shown, way: Rung) -> str | None:
    """What is wrong with a way, in words, or None. Pure."""
    if (far := off(found.alone, truth.alone)) > OFF_THE_TRUTH:
        return f"its scores are {far:.0%} off those of the CPU"
    if way.rows > 1 and (far := off(found.together, found.alone)) > OFF_ALONE[way.dtype]:
        return f"answers written together are {far:.1%} off those written alone"
    return None


def off(found: Tensor, truth: Tensor) -> float:
    """The distance, as a share of the truth's spread, in the row where it is greatest; infinite where not a number."""
    spread = (truth - truth.mean(-1, keepdim=True)).norm(dim=-1)
    far = float(((found - truth).norm(dim=-1) / spread).max())
    return math.inf if math.isnan(far) else far


def show(runner: TorchRunner, *, tile: int, image_id: int) -> Shown:
    """Try a model whose tiles have `tile` pixels on a side. Raises RunnerError."""
    noise = np.random.default_rng(0).standard_normal((3, tile, tile)).astype(np.float32)
    features = runner.see([noise])
    prompts = [(1, *[image_id] * len(features[0]), *tail) for tail in TAILS]
    alone = [steps(runner, [opened(runner, prompt, features)]) for prompt in prompts]
    first = opened(runner, prompts[0], features)
    shared = 1 + len(features[0]) + SHARED
    runner.read_scores([(first[0], shared)])
    forks = [(runner.fork(first[0], shared, ids, features, ROOM), len(ids) - shared) for ids in prompts[1:]]
    together = steps(runner, [(first[0], len(prompts[0]) - shared), *forks])
    return Shown(torch.cat(alone, 1).flatten(0, 1), together.flatten(0, 1))


def opened(runner: TorchRunner, prompt: Sequence[int], features: Sequence[Tensor]) -> tuple[int, int]:
    """A row for it, and how much there is to read."""
    return runner.open(prompt, features, ROOM), len(prompt)


def steps(runner: TorchRunner, parts: Sequence[tuple[int, int]]) -> Tensor:
    """Read these and write a little, and drop them: scores (steps, rows, vocabulary)."""
    rows = [row for row, _ in parts]
    scores = [runner.read_scores(parts), *(runner.write_scores(rows, [token] * len(rows)) for token in WRITTEN)]
    for row in rows:
        runner.drop(row)
    return torch.stack(scores).float().cpu()
