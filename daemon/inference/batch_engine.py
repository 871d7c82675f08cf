"""The Engine protocol over any model runner: requests become sequence groups, the scheduler runs them. Knows no torch.

Preprocessing feeds the scheduler; a `RunnerLoader` supplies the runner, so that another backend needs only those two.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from typing import Generic, TypeVar

from config.groups import DETAILS, Detail
from daemon.errors import EngineError, PromptError
from daemon.inference.batch.runner_protocol import DeviceRunner
from daemon.inference.batch.scheduler import Scheduler
from daemon.inference.batch.sequence import SequenceGroup, TokenSequence
from daemon.inference.control_tiles import QUESTION, TILES, ControlResult, control_requests, judge
from daemon.inference.engine import EngineInfo, Reply, Request
from daemon.inference.features.feature_cache import CacheUsage, FeatureCache
from daemon.inference.in_flight import ImageFeatures, InFlight
from daemon.inference.preprocess_queue import PreprocessQueue
from daemon.inference.runner_loader import RunnerLoader
from daemon.inference.sampling_params import GREEDY
from daemon.inference.smolvlm.checkpoint import ModelSpec
from daemon.inference.smolvlm.processor import Floats, Processor
from daemon.inference.smolvlm.tile_dedup import deduplicate
from daemon.inference.weights.sources import ModelFolder

#: Scheduler steps in one `step` of the engine: between two of them the caller may stop, cancel or send a heartbeat.
TOKENS_A_STEP = 8

Features = TypeVar("Features")


class BatchEngine(Generic[Features]):
    """Serves the checkpoint `model` through `loader`'s runner; at most `rows` sequences are decoded at once.

    `cache_tokens` bounds the KV cache; None is what fits into the memory that is free after loading.
    `features` keeps the features of encoded tiles for later requests; without it, none are kept.
    With `control` the loaded model is asked about the control tiles.
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
        features: FeatureCache | None = None,
        control: bool = False,
        stop_at_end: bool = True,
    ) -> None:
        self.runner: DeviceRunner[Floats, Features] | None = None
        self._model, self._loader, self._detail = model, loader, detail
        self._rows, self._cache_tokens = rows, cache_tokens
        self._features, self._control = features, control
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
        self._origin = origin_of(self._model, processor.spec, self._loader.engine_name, runner)
        self.run_on(runner)
        control = self._check_control() if self._control else ControlResult()
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
            weights=self._model.digest,
            control=control.digest,
            problem=control.problem,
        )

    def _check_control(self) -> ControlResult:
        """Ask about the control tiles, encoded in any case. Raises EngineError if one has no answer."""
        features, self._features = self._features, None
        replies: list[Reply] = []
        try:
            for request in control_requests(self._processor.tile):
                self.submit(request)
            while len(replies) < len(TILES):
                replies += self.step()
        finally:
            self._features, self._is_cold = features, True
        for reply in replies:
            if reply.error is not None:
                raise reply.error
        answers = {reply.id: reply.answers[QUESTION.name].text for reply in replies}
        precision = "" if self.runner is None else self.runner.dtype_name
        return judge(answers, weights=self._model.digest, precision=precision)

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

    def partial(self, request_id: str) -> dict[str, str]:
        in_flight = self._in_flight.get(request_id)
        return {} if in_flight is None else in_flight.partial(self._processor.decode)

    def cancel(self, request_id: str) -> None:
        self._preprocessing.cancel(request_id)
        in_flight = self._in_flight.pop(request_id, None)
        if in_flight is not None and self._scheduler is not None:
            self._scheduler.cancel(in_flight.group)

    def close(self) -> None:
        self._preprocessing.clear()
        self._in_flight.clear()
        self._scheduler = None
        if self._features is not None:
            self._features.close()
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
                self._keep_features(in_flight, self.runner)
                replies.append(in_flight.reply(self._processor.decode, self.runner.device_memory_bytes, cache_bytes))
            if replies or not self._scheduler.is_decode_only:
                break
        self._is_cold = self._is_cold and not self._in_flight and not replies
        if replies:
            self.runner.trim()
        return replies

    def feature_usage(self) -> CacheUsage:
        return CacheUsage() if self._features is None else self._features.usage

    def rest(self) -> None:
        """Other programs cannot use the memory that a GPU's driver keeps for reuse."""
        if self.runner is not None and self.runner.device_type != "cpu":
            self.runner.empty_cache()

    def _feed(self, scheduler: Scheduler[Floats, Features]) -> list[Reply]:
        """Give the scheduler preprocessed requests while it accepts them, urgent ones at once.

        Returns the replies to those that failed.
        """
        replies = []
        while scheduler.can_accept or self._preprocessing.has_urgent:
            if (taken := self._preprocessing.take_next(wait=not self._in_flight)) is None:
                break
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
        """The request's sequence group; raises PromptError for a prompt that the model cannot take."""
        began = time.perf_counter()
        given, pending = request.image_features, dict[str, Floats]()
        image_features = given if isinstance(given, ImageFeatures) else None
        if image_features is None:
            image_features, pending = self._image_features(request)
        sequences = []
        for question in request.questions:
            prompt_ids = self._processor.prompt_ids(image_features.prompt, question.ask, system=request.system)
            room = self._room_after(prompt_ids, len(image_features.tile_indices))
            if room < 1:
                raise self._too_long(request, len(prompt_ids))
            max_tokens = min(question.tokens, room)
            sequences.append(TokenSequence(prompt_ids, max_tokens, request.sampling.get(question.name, GREEDY)))
        group: SequenceGroup[Floats, Features] = SequenceGroup(
            list(pending.values()),
            image_features.tile_indices,
            sequences,
            image_features.features,
            is_urgent=request.is_urgent,
        )
        return InFlight(request, group, image_features.prompt, list(pending), time.perf_counter() - began)

    def _image_features(self, request: Request) -> tuple[ImageFeatures[Features], dict[str, Floats]]:
        """The request's pictures with the features that are kept of them, and the tiles to encode, by key."""
        prompt = self._processors[request.detail or self._detail].image_prompt(
            request.pictures, timestamps=request.timestamps, seconds=request.seconds
        )
        unique_tiles, tile_indices = deduplicate(prompt.tiles)
        keys = [self._key_of(pixels) for pixels in unique_tiles]
        found = {key: features for key in keys if (features := self._kept(key)) is not None}
        missing = {key: tile for key, tile in zip(keys, unique_tiles.values(), strict=True) if key not in found}
        order = {key: index for index, key in enumerate([*found, *missing])}
        indices = [order[keys[index]] for index in tile_indices]
        pending = dict(zip(missing, self._processor.normalize(list(missing.values())), strict=True))
        return ImageFeatures(replace(prompt, tiles=()), indices, list(found.values())), pending

    def _key_of(self, pixels: bytes) -> str:
        """The key of a tile's features; `pixels`: their hash."""
        return hashlib.blake2b(pixels, digest_size=16, key=self._origin).hexdigest()

    def _kept(self, key: str) -> Features | None:
        if self._features is None or self.runner is None or (content := self._features.get(key)) is None:
            return None
        return self.runner.from_bytes(content)

    def _keep_features(self, finished: InFlight[Floats, Features], runner: DeviceRunner[Floats, Features]) -> None:
        if self._features is not None:
            for key, features in finished.encoded.items():
                self._features.put(key, runner.to_bytes(features))

    def _room_after(self, prompt_ids: list[int], tiles: int) -> int:
        """How many tokens may follow the prompt. Raises PromptError for image positions without a tile."""
        positions, features = prompt_ids.count(self._processor.image_id), tiles * self._processor.tokens_per_tile
        if positions != features:
            raise PromptError(f"The prompt has {positions} image positions, but the pictures fill {features}.")
        return self._processor.context - len(prompt_ids)

    def _too_long(self, request: Request, tokens: int) -> PromptError:
        advice = "Shorten the question."
        if not request.is_video and request.pictures:
            advice = "Give fewer pictures, or less detail (`--detail fast`), or shorten the question."
        return PromptError(f"The prompt has {tokens} tokens; the model takes {self._processor.context}.", advice=advice)


def origin_of(model: ModelFolder, spec: ModelSpec, engine_name: str, runner: DeviceRunner[Floats, Features]) -> bytes:
    """A hash of all that a tile's features depend on besides its pixels."""
    precision = (runner.dtype_name, runner.feature_dtype_name)
    facts = (model.digest, engine_name, runner.device_type, *precision, spec.rescale, spec.mean, spec.std)
    return hashlib.blake2b(repr(facts).encode(), digest_size=16).digest()


def tile_bytes(result: InFlight[Floats, Features] | EngineError) -> int:
    return 0 if isinstance(result, EngineError) else sum(tile.nbytes for tile in result.group.tiles)
