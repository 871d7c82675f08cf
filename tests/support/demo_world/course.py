"""What both courses of the training share: batches drawn in another process, optimisers, and a state to resume from."""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

Draw = Callable[[random.Random, int], Any]
Report = Callable[[str], None]
SECONDS_BETWEEN_SAVES = 300
#: Of the quintic Newton-Schulz iteration: Jordan et al. 2024.
QUINTIC = (3.4445, -4.7750, 2.0315)


class Drawings(IterableDataset[Any]):
    """An endless stream of batches; `make` draws the batch of a step from this step's own generator."""

    def __init__(self, seed: int, make: Draw, first: int) -> None:
        self.seed, self.make, self.first = seed, make, first

    def __iter__(self) -> Iterator[Any]:
        torch.set_num_threads(1)
        for step in itertools.count(self.first):
            yield self.make(random.Random(f"{self.seed} {step}"), step)


def stream(seed: int, make: Draw, first: int = 0) -> Iterator[Any]:
    return iter(DataLoader(Drawings(seed, make, first), batch_size=None, num_workers=1, prefetch_factor=8))


def orthogonal(matrix: Tensor) -> Tensor:
    """About the nearest matrix whose singular values are all one, by Newton-Schulz."""
    a, b, c = QUINTIC
    x: Tensor = matrix / (matrix.norm() + 1e-7)
    x = x.T if len(matrix) > matrix.shape[1] else x
    for _ in range(5):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if len(matrix) > matrix.shape[1] else x


class Muon(torch.optim.Optimizer):
    """Muon (Jordan et al. 2024) in float32: torch's own computes in bfloat16, five times slower on most processors.

    An update's root mean square is AdamW's, so that both take rates of one size.
    """

    def __init__(self, parameters: list[nn.Parameter], lr: float, momentum: float = 0.95, decay: float = 0.01) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                mean = state.setdefault("mean", torch.zeros_like(parameter))
                mean.lerp_(parameter.grad, 1 - group["momentum"])
                change = orthogonal(parameter.grad.lerp(mean, group["momentum"]))
                scale = 0.2 * math.sqrt(max(parameter.shape))
                parameter.mul_(1 - group["lr"] * group["decay"]).add_(change, alpha=-group["lr"] * scale)


class Optimisers:
    """Muon for the hidden matrices, AdamW for the rest, one warm-up and one cosine for both."""

    def __init__(self, modules: list[nn.Module], rate: float, matrix_rate: float) -> None:
        named = [(n, p) for m in modules for n, p in m.named_parameters() if p.requires_grad]
        hidden = [p for n, p in named if p.ndim == 2 and "layers." in n]
        rest = [p for n, p in named if not (p.ndim == 2 and "layers." in n)]
        self.parameters = hidden + rest
        self.all: list[torch.optim.Optimizer] = [
            Muon(hidden, lr=matrix_rate),
            torch.optim.AdamW(rest, lr=rate, weight_decay=0.01, betas=(0.9, 0.98)),
        ]
        self.rates = [matrix_rate, rate]

    def step(self, loss: Tensor, done: float) -> None:
        """`done` is the share of the course behind us, 0..1."""
        scale = min(1.0, done / 0.02) * (0.5 + 0.5 * math.cos(math.pi * min(1.0, done)))
        for optimiser, rate in zip(self.all, self.rates, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * scale
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for optimiser in self.all:
            optimiser.step()


class Notebook:
    """A course's state in a file, replaced every five minutes: the next run goes on from there."""

    def __init__(self, file: Path, modules: list[nn.Module], optimisers: Optimisers) -> None:
        self.file, self.modules, self.optimisers = file, modules, optimisers
        self.written = time.monotonic()

    def open(self) -> int:
        """The first step that is left to do."""
        if not self.file.exists():
            return 0
        step, modules, optimisers = torch.load(self.file, weights_only=True)
        for module, state in zip(self.modules, modules, strict=True):
            module.load_state_dict(state)
        for optimiser, state in zip(self.optimisers.all, optimisers, strict=True):
            optimiser.load_state_dict(state)
        return int(step)

    def note(self, steps_done: int, *, last: bool) -> None:
        if not last and time.monotonic() - self.written < SECONDS_BETWEEN_SAVES:
            return
        states = [m.state_dict() for m in self.modules], [o.state_dict() for o in self.optimisers.all]
        fresh = self.file.with_suffix(".new")
        torch.save((steps_done, *states), fresh)
        fresh.replace(self.file)
        self.written = time.monotonic()
