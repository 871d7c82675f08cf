"""Contestants for preprocessing and for a start, and the measurement of the machine's limits."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

from daemon.evaluation.bench.cases import ONE_TILE, Prepare, video
from daemon.evaluation.bench.contestants import ask_engine, ask_reference
from daemon.evaluation.bench.interleave import Run
from daemon.evaluation.bench.loaded_models import EngineChoice, LoadedModels
from daemon.evaluation.bench.stats import Stats
from daemon.evaluation.bench.workload import requests_of
from daemon.inference.engine import Request
from daemon.inference.smolvlm.processor import Processor
from daemon.inference.torch.roofline import MatrixProduct, ModelCost, copy_rate, cost_of, product_rate

COPIED_BYTES = 256 * 1024**2


class PrepareContestant:
    """Preprocesses one video's frames, by the engine's processor or by the stock rule. The model is not loaded."""

    def __init__(self, models: LoadedModels, prepare: Prepare, *, reference: bool) -> None:
        self._models, self._frames, self._is_reference = models, prepare.frames, reference

    @cached_property
    def processor(self) -> Processor:
        return self._models.processor("full", reference_frames=self._is_reference)

    @cached_property
    def request(self) -> Request:
        return requests_of(video(self._frames), tokens=1, most_frames=self._frames)[0]

    def prepare(self) -> None:
        _ = self.processor, self.request

    def run(self) -> Run:
        began = time.perf_counter()
        request = self.request
        prompt = self.processor.image_prompt(request.pictures, timestamps=request.timestamps, seconds=request.seconds)
        self.processor.normalize(prompt.tiles)
        return Run(files=1, phases={"preprocess": time.perf_counter() - began}, tiles=self._frames)


class StartContestant:
    """Loads the model, describes a first picture, then a second.

    The warm-up keeps the cost of a process's very first load out: libraries and files are in memory.
    """

    def __init__(self, models: LoadedModels, *, reference: bool, tokens: int) -> None:
        self._models, self._is_reference, self._tokens = models, reference, tokens

    @cached_property
    def requests(self) -> list[Request]:
        return requests_of(replace(ONE_TILE, copies=2), tokens=self._tokens, most_frames=0)

    @cached_property
    def warm_up(self) -> Run:
        return self.run()

    def prepare(self) -> None:
        _ = self.warm_up
        self._models.close()

    def run(self) -> Run:
        first, second = self.requests
        began = time.perf_counter()
        ask = self._load()
        loaded = time.perf_counter()
        ask(first)
        first_ended = time.perf_counter()
        ask(second)
        ended = time.perf_counter()
        phases = {"load": loaded - began, "first picture": first_ended - loaded, "second picture": ended - first_ended}
        return Run(files=1, phases=phases)

    def _load(self) -> Callable[[Request], Run]:
        if self._is_reference:
            loop, processor = self._models.new_reference(), self._models.processor(ONE_TILE.detail)
            return lambda request: ask_reference(loop, processor, [request])
        engine, _ = self._models.new_engine(EngineChoice(ONE_TILE.detail, ONE_TILE.rows))
        return lambda request: ask_engine(engine, [request])


class RooflineContestant:
    """Measures the machine in every round: operations a second by product, bytes a second of a copy."""

    def __init__(self, models: LoadedModels) -> None:
        self._models = models
        self._products: dict[MatrixProduct, list[float]] = {}
        self._copies: list[float] = []

    @cached_property
    def cost(self) -> ModelCost:
        return cost_of(self._models.reference().model)

    @property
    def products(self) -> dict[MatrixProduct, Stats]:
        return {product: Stats(tuple(rates)) for product, rates in self._products.items()}

    @property
    def copies(self) -> Stats:
        return Stats(tuple(self._copies))

    def best_rates(self, dtype: str) -> Stats:
        """The rate of the fastest product, for every round."""
        rounds = zip(*(rates for product, rates in self._products.items() if product.dtype == dtype), strict=True)
        return Stats(tuple(map(max, rounds)))

    def prepare(self) -> None:
        _ = self.cost

    def run(self) -> Run:
        device = self._models.reference().device
        for product in (product for dtype in ("bf16", "f32") for product in self.cost.products(dtype)):
            self._products.setdefault(product, []).append(product_rate(product, device))
        self._copies.append(copy_rate(COPIED_BYTES, device))
        return Run(files=1, phases={})
