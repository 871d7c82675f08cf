"""The sides that ask nothing, or only what comes first: preparing videos, starting, and what the machine can do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

from daemon.evaluation.bench.cases import ONE_TILE, Prepare, film
from daemon.evaluation.bench.contestants import ask_engine, ask_stock
from daemon.evaluation.bench.interleave import Run
from daemon.evaluation.bench.loaded_models import LoadedModels
from daemon.evaluation.bench.stats import Stats
from daemon.evaluation.bench.workload import requests_of
from daemon.inference.engine import Request
from daemon.inference.smolvlm.processor import Processor
from daemon.inference.torch.roofline import MatrixProduct, ModelCost, copy_rate, cost_of, product_rate

COPIED_BYTES = 256 * 1024**2


class PrepareContestant:
    """One video's frames, by the engine's processor or by the stock rule. The model is not loaded."""

    def __init__(self, models: LoadedModels, prepare: Prepare, *, stock: bool) -> None:
        self._models, self._frames, self._is_stock = models, prepare.frames, stock

    @cached_property
    def processor(self) -> Processor:
        return self._models.processor("full", stock_frames=self._is_stock)

    @cached_property
    def request(self) -> Request:
        video = film(self._frames)
        return requests_of(video, tokens=1, most_frames=self._frames)[0]

    def ready(self) -> None:
        _ = self.processor, self.request

    def run(self) -> Run:
        began = time.perf_counter()
        request = self.request
        seen = self.processor.image_prompt(request.pictures, timestamps=request.timestamps, seconds=request.seconds)
        self.processor.normalize(seen.tiles)
        return Run(files=1, phases={"preprocess": time.perf_counter() - began}, tiles=self._frames)


class StartContestant:
    """Loads, asks about a first picture, and about a second.

    What only the very first load of a process or a machine costs is left out: libraries and files are in memory.
    """

    def __init__(self, models: LoadedModels, *, stock: bool, tokens: int) -> None:
        self._models, self._is_stock, self._tokens = models, stock, tokens

    @cached_property
    def requests(self) -> list[Request]:
        return requests_of(replace(ONE_TILE, copies=2), tokens=self._tokens, most_frames=0)

    @cached_property
    def warm_up(self) -> Run:
        return self.run()

    def ready(self) -> None:
        _ = self.warm_up
        self._models.close()

    def run(self) -> Run:
        first, second = self.requests
        began = time.perf_counter()
        ask = self._load()
        loaded = time.perf_counter()
        ask(first)
        asked = time.perf_counter()
        ask(second)
        ended = time.perf_counter()
        phases = {"load": loaded - began, "first picture": asked - loaded, "second picture": ended - asked}
        return Run(files=1, phases=phases)

    def _load(self) -> Callable[[Request], Run]:
        if self._is_stock:
            loop, processor = self._models.new_stock(), self._models.processor(ONE_TILE.detail)
            return lambda request: ask_stock(loop, processor, [request])
        engine = self._models.new_engine(ONE_TILE.detail, ONE_TILE.rows)
        return lambda request: ask_engine(engine, [request])


class RooflineContestant:
    """Measures the machine, and keeps what it measured: operations a second by product, bytes a second of a copy."""

    def __init__(self, models: LoadedModels) -> None:
        self._models = models
        self._products: dict[MatrixProduct, list[float]] = {}
        self._copies: list[float] = []

    @cached_property
    def needs(self) -> ModelCost:
        return cost_of(self._models.stock().model)

    @property
    def products(self) -> dict[MatrixProduct, Stats]:
        return {product: Stats(tuple(rates)) for product, rates in self._products.items()}

    @property
    def copies(self) -> Stats:
        return Stats(tuple(self._copies))

    def best_rates(self, dtype: str) -> Stats:
        """Of every round, that of the fastest product."""
        rounds = zip(*(rates for product, rates in self._products.items() if product.dtype == dtype), strict=True)
        return Stats(tuple(map(max, rounds)))

    def ready(self) -> None:
        _ = self.needs

    def run(self) -> Run:
        device = self._models.stock().device
        for product in (product for dtype in ("bf16", "f32") for product in self.needs.products(dtype)):
            self._products.setdefault(product, []).append(product_rate(product, device))
        self._copies.append(copy_rate(COPIED_BYTES, device))
        return Run(files=1, phases={})
