"""The Engine protocol over any model runner: requests become sequence groups, the scheduler runs them. Knows no torch.

Preprocessing feeds the scheduler; a `RunnerLoader` supplies the runner, so that another backend needs only those two.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Generic, TypeVar

from config.groups import DETAILS, Detail
from daemon.errors import EngineError
from daemon.inference.batch.runner_protocol import DeviceRunner
from daemon.inference.batch.scheduler import Scheduler
from daemon.inference.batch.sequence import SequenceGroup, TokenSequence
from daemon.inference.engine import EngineInfo, Reply, Request
from daemon.inference.in_flight import ImageFeatures, InFlight
from daemon.inference.preprocess_queue import PreprocessQueue
from daemon.inference.runner_loader import RunnerLoader
from daemon.inference.sampling_params import GREEDY
from daemon.inference.smolvlm.processor import Floats, Processor
from daemon.inference.smolvlm.tile_dedup import deduplicate
from daemon.inference.weights.sources import ModelFolder

#: Scheduler steps in one `step` of the engine: between two of them the caller may stop, cancel or send a heartbeat.
TOKENS_A_STEP = 8

Features = TypeVar("Features")


class BatchEngine(Generic[Features]):
    """Serves the checkpoint `model` through `loader`'s runner; at most `rows` sequences are decoded at once.

    `cache_tokens` bounds the KV cache; None is what fits into the memory that is free after loading.
    Without `stop_at_end` every answer runs to its limit, loops too, so that runs of equal length can be timed.
    """

    def __init__(
        self,
        model: ModelFolder,
        loader: RunnerLoader[Features],
        *,
        detail: Detail = "balanced",
        rows: int = 8,
        cache_tokens: int | None = None,
        stop_at_end: bool = True,
    ) -> None:
        self.runner: DeviceRunner[Floats, Features] | None = None
        self._model, self._loader, self._detail = model, loader, detail
        self._rows, self._cache_tokens = rows, cache_tokens
        self._stop_at_end = stop_at_end
        self._scheduler: Scheduler[Floats, Features] | None = None
        self._preprocessing: PreprocessQueue[InFlight[Floats, Features] | EngineError] = PreprocessQueue(
            self._preprocess, tile_bytes
        )
        self._in_flight: dict[str, InFlight[Floats, Features]] = {}
        self._is_cold = True

    def load(self) -> EngineInfo:
        self._processor = processor = Processor.from_folder(self._model.path, detail=self._detail)
        self._processors = {detail: processor.at(detail) for detail in DETAILS}
        loaded = self._loader.load(self._model.path, processor.spec, self._rows)
        runner, self._rows = loaded.runner, loaded.max_sequences
        self._preprocessing.in_background = runner.device_type != "cpu"
        self.run_on(runner)
        return EngineInfo(
            model_id=self._model.id,
            revision=self._model.revision,
            engine=self._loader.engine_name,
            device=runner.device_type,
            dtype=runner.dtype_name,
            detail=self._detail,
            rows=self._rows,
            image_edges={detail: each.image_edge for detail, each in self._processors.items()},
            frame_edge=processor.frame_edge,
            frames_per_second=processor.frames_per_second,
            max_frames=processor.max_frames,
            notes=loaded.notes,
        )

    def run_on(self, runner: DeviceRunner[Floats, Features]) -> None:
        """Run all further requests on this runner."""
        tokens = self._cache_tokens or runner.tokens_that_fit
        end_id = self._processor.end_id if self._stop_at_end else None
        self.runner = runner
        self._scheduler = Scheduler(runner, max_sequences=self._rows, max_tokens=tokens, end_id=end_id)

    def submit(self, request: Request) -> None:
        if request.id in self._in_flight or request.id in self._preprocessing:
            raise ValueError(f"request {request.id} is already in flight")
        self._preprocessing.add(request)

    def cancel(self, request_id: str) -> None:
        self._preprocessing.cancel(request_id)
        in_flight = self._in_flight.pop(request_id, None)
        if in_flight is not None and self._scheduler is not None:
            self._scheduler.cancel(in_flight.group)

    def close(self) -> None:
        self._preprocessing.clear()
        self._in_flight.clear()
        self._scheduler = None
        if self.runner is not None:
            self.runner.close()
            self.runner = None

    def step(self) -> list[Reply]:
        """Prefills while there are new prompts, and decodes a few more tokens of the requests in flight."""
        if self.runner is None or self._scheduler is None:
            raise EngineError("The engine is not loaded.")
        replies: list[Reply] = []
        for _ in range(TOKENS_A_STEP):
            replies += self._feed(self._scheduler)
            cache_bytes = self.runner.cache_bytes  # before the rows of finished sequences are freed
            finished = set(self._scheduler.step())
            for in_flight in [each for each in self._in_flight.values() if each.group in finished]:
                del self._in_flight[in_flight.request.id]
                replies.append(in_flight.reply(self._processor.decode, self.runner.device_memory_bytes, cache_bytes))
            if replies or not self._scheduler.is_decode_only:
                break
        self._is_cold = self._is_cold and not self._in_flight and not replies
        if replies:
            self.runner.trim()
        return replies

    def rest(self) -> None:
        """Other programs cannot use the memory that a GPU's driver keeps for reuse."""
        if self.runner is not None and self.runner.device_type != "cpu":
            self.runner.empty_cache()

    def _feed(self, scheduler: Scheduler[Floats, Features]) -> list[Reply]:
        """Give the scheduler preprocessed requests while it accepts them; the replies to those that failed."""
        replies = []
        while scheduler.can_accept and (taken := self._preprocessing.take_next(wait=not self._in_flight)) is not None:
            request, result = taken
            if isinstance(result, EngineError):
                replies.append(Reply(id=request.id, error=result))
                continue
            result.is_cold = self._is_cold
            self._in_flight[request.id] = result
            scheduler.add(result.group)
        return replies

    def _preprocess(self, request: Request) -> InFlight[Floats, Features] | EngineError:
        """On any thread. Never raises: an error is the request's own."""
        try:
            return self._in_flight_of(request)
        except EngineError as error:
            return error
        except Exception as error:  # noqa: BLE001 - an error of odd pictures is this request's alone
            return EngineError(f"The pictures failed: {error!r}")

    def _in_flight_of(self, request: Request) -> InFlight[Floats, Features]:
        """The request's sequence group; raises EngineError for a prompt that the model cannot take."""
        began = time.perf_counter()
        image_features, tiles = request.image_features, list[Floats]()
        if not isinstance(image_features, ImageFeatures):
            prompt = self._processors[request.detail or self._detail].image_prompt(
                request.pictures, timestamps=request.timestamps, seconds=request.seconds
            )
            unique_tiles, tile_indices = deduplicate(prompt.tiles)
            tiles = list(self._processor.normalize(unique_tiles))
            image_features = ImageFeatures(replace(prompt, tiles=()), tile_indices, ())
        sequences = []
        for question in request.questions:
            prompt_ids = self._processor.prompt_ids(image_features.prompt, question.ask, system=request.system)
            max_tokens = min(question.tokens, self._max_tokens(prompt_ids, len(image_features.tile_indices)))
            sequences.append(TokenSequence(prompt_ids, max_tokens, request.sampling.get(question.name, GREEDY)))
        group: SequenceGroup[Floats, Features] = SequenceGroup(
            tiles, image_features.tile_indices, sequences, image_features.features
        )
        return InFlight(request, group, image_features.prompt, time.perf_counter() - began)

    def _max_tokens(self, prompt_ids: list[int], tiles: int) -> int:
        """How many tokens may follow the prompt; raises EngineError for a prompt that the model cannot take."""
        positions, features = prompt_ids.count(self._processor.image_id), tiles * self._processor.tokens_per_tile
        if positions != features:
            raise EngineError(f"The prompt has {positions} image positions, but the pictures fill {features}.")
        room = self._processor.context - len(prompt_ids)
        if room < 1:
            raise EngineError(f"The prompt has {len(prompt_ids)} tokens; the model takes {self._processor.context}.")
        return room


def tile_bytes(result: InFlight[Floats, Features] | EngineError) -> int:
    return 0 if isinstance(result, EngineError) else sum(tile.nbytes for tile in result.group.tiles)
