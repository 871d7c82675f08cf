"""Requests in, answers out, over a torch model: the processor makes scenes of them, and the batch does the rest."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from config.settings import Detail
from daemon.errors import EngineError
from daemon.inference.batch.scheduler import Scheduler
from daemon.inference.batch.sequence import SequenceGroup, TokenSequence
from daemon.inference.engine import EngineInfo, Reply, Request
from daemon.inference.in_flight import ImageFeatures, InFlight
from daemon.inference.preprocess_queue import PreprocessQueue
from daemon.inference.sampling_params import GREEDY
from daemon.inference.smolvlm.processor import Floats, Processor
from daemon.inference.torch.device_check import checked_runner, run_modes
from daemon.inference.torch.device_check_inputs import CheckInputs
from daemon.inference.torch.device_verdicts import DeviceVerdicts
from daemon.inference.torch.devices import check_int8, empty_cache, memory_of, pick_device, pick_dtype, trim
from daemon.inference.torch.linear import int8_laid_out, laid_out
from daemon.inference.torch.model_runner import TorchRunner
from daemon.inference.torch.threads import choose_threads
from daemon.inference.torch.tile_dedup import distinct

#: Between two steps the caller may stop, cancel or beat; so many tokens are written meanwhile.
TOKENS_A_STEP = 8


class TorchEngine:
    """The model in `folder` behind the Engine protocol; at most `rows` answers are written at once.

    `cache_tokens` bounds the keys and values of all rows; by itself it follows the memory that is free after loading.
    `threads` is how many torch computes on, on a CPU; by itself what `choose_threads` measures to be best.
    `verdicts` keeps what a GPU's trial found; without it, a GPU is tried at every start.
    Without `stop_at_end` every answer goes on to its limit, loops too, so that runs of equal length can be timed.
    """

    def __init__(
        self,
        folder: Path,
        *,
        model_id: str,
        revision: str,
        device: str = "auto",
        precision: str = "auto",
        detail: Detail = "balanced",
        rows: int = 8,
        cache_tokens: int | None = None,
        threads: int | None = None,
        stop_at_end: bool = True,
        verdicts: DeviceVerdicts | None = None,
    ) -> None:
        self.runner: TorchRunner | None = None
        self._folder, self._model_id, self._revision = folder, model_id, revision
        self._device, self._precision, self._detail = device, precision, detail
        self._rows, self._cache_tokens, self._threads = rows, cache_tokens, threads
        self._stop_at_end = stop_at_end
        self._verdicts = verdicts
        self._batch: Scheduler[Floats, Tensor] | None = None
        self._preprocessing: PreprocessQueue[InFlight[Floats, Tensor] | EngineError] = PreprocessQueue(
            self._ready, tile_bytes
        )
        self._in_flight: dict[str, InFlight[Floats, Tensor]] = {}
        self._is_cold = True

    def load(self) -> EngineInfo:
        device = pick_device(self._device)
        self._processor = Processor.from_folder(self._folder, detail=self._detail)
        runner, notes = self._runner_on(device)
        self._preprocessing.in_background = runner.device.type != "cpu"
        self.run_on(runner)
        return EngineInfo(
            model_id=self._model_id,
            revision=self._revision,
            engine="torch",
            device=runner.device.type,
            dtype="int8" if self._precision == "int8" else str(runner.dtype).removeprefix("torch."),
            detail=self._detail,
            rows=self._rows,
            image_edge=self._processor.image_edge,
            frame_edge=self._processor.frame_edge,
            frames_per_second=self._processor.frames_per_second,
            max_frames=self._processor.max_frames,
            notes=notes,
        )

    def _settle_threads(self, dtype: torch.dtype) -> str:
        """Before the weights are loaded, which is done on these threads too; the choice in words."""
        if self._threads is not None:
            torch.set_num_threads(self._threads)
            return f"Threads: {self._threads}."
        choice = choose_threads(dtype)
        return f"Threads: {choice.threads}; {choice.reason}."

    def _runner_on(self, device: torch.device) -> tuple[TorchRunner, tuple[str, ...]]:
        """The model on that device, by the fastest way that computes soundly there, and what was decided.

        Where nobody chose the device, a GPU that fails its trial is passed over for the CPU.
        """
        if self._precision == "int8":
            check_int8(device)
        if device.type == "cpu":
            return self._runner_on_cpu()
        processor = self._processor
        probe = CheckInputs(tile=processor.tile, image_id=processor.image_id, context=processor.context)
        ways = list(run_modes(pick_dtype(self._precision, device), self._rows))
        try:
            runner, way, notes = checked_runner(self._folder, device, ways, probe, self._verdicts)
        except EngineError as error:
            if self._device != "auto":
                raise
            runner, notes = self._runner_on_cpu()
            return runner, (f"{error} The CPU is used.", *notes)
        self._rows = way.rows
        return runner, notes

    def _runner_on_cpu(self) -> tuple[TorchRunner, tuple[str, ...]]:
        device = torch.device("cpu")
        dtype, lay = pick_dtype(self._precision, device), int8_laid_out if self._precision == "int8" else laid_out
        threads = self._settle_threads(dtype)
        return TorchRunner.from_folder(self._folder, device, dtype, lay), (threads,)

    def run_on(self, runner: TorchRunner) -> None:
        """Write on this model from now on."""
        tokens = self._cache_tokens or runner.tokens_that_fit
        end_id = self._processor.end_id if self._stop_at_end else None
        self.runner = runner
        self._batch = Scheduler(runner, rows=self._rows, tokens=tokens, end_id=end_id)

    def submit(self, request: Request) -> None:
        if request.id in self._in_flight or request.id in self._preprocessing:
            raise ValueError(f"request {request.id} is under way already")
        self._preprocessing.add(request)

    def cancel(self, request_id: str) -> None:
        self._preprocessing.cancel(request_id)
        in_flight = self._in_flight.pop(request_id, None)
        if in_flight is not None and self._batch is not None:
            self._batch.cancel(in_flight.scene)

    def close(self) -> None:
        self._preprocessing.clear()
        self._in_flight.clear()
        self._batch = None
        if self.runner is not None:
            device, self.runner = self.runner.device, None
            empty_cache(device)

    def step(self) -> list[Reply]:
        """Reads prompts while there are new ones, and writes a few more tokens of the answers under way."""
        if self.runner is None or self._batch is None:
            raise EngineError("The engine is not loaded.")
        replies: list[Reply] = []
        for _ in range(TOKENS_A_STEP):
            replies += self._feed(self._batch)
            cache_bytes = self.runner.cache_bytes  # before the rows of what is over are dropped
            over = set(self._batch.step())
            for in_flight in [one for one in self._in_flight.values() if one.scene in over]:
                del self._in_flight[in_flight.request.id]
                memory = memory_of(self.runner.device)
                replies.append(in_flight.reply(self._processor.decode, memory, cache_bytes))
            if replies or not self._batch.is_decode_only:
                break
        self._is_cold = self._is_cold and not self._in_flight and not replies
        if replies:
            trim(self.runner.device)
        return replies

    def rest(self) -> None:
        """What a GPU's driver keeps for more work is missed by all other programs."""
        if self.runner is not None and self.runner.device.type != "cpu":
            self.runner.empty_cache()

    def _feed(self, batch: Scheduler[Floats, Tensor]) -> list[Reply]:
        """Give the batch what is ready while it can take it; the replies to requests that cannot be read."""
        replies = []
        while batch.can_accept and (taken := self._preprocessing.take_next(wait=not self._in_flight)) is not None:
            request, made = taken
            if isinstance(made, EngineError):
                replies.append(Reply(id=request.id, error=made))
                continue
            made.cold = self._is_cold
            self._in_flight[request.id] = made
            batch.add(made.scene)
        return replies

    def _ready(self, request: Request) -> InFlight[Floats, Tensor] | EngineError:
        """What becomes of a request, on whatever thread."""
        try:
            return self._look(request)
        except EngineError as error:
            return error
        except Exception as error:  # whatever odd pictures lead to concerns this request alone
            return EngineError(f"The pictures failed: {error!r}")

    def _look(self, request: Request) -> InFlight[Floats, Tensor]:
        began = time.perf_counter()
        impression, tiles = request.impression, list[Floats]()
        if not isinstance(impression, ImageFeatures):
            seen = self._processor.look(request.pictures, timestamps=request.timestamps, seconds=request.seconds)
            different, places = distinct(seen.tiles)
            tiles = list(self._processor.normal(different))
            impression = ImageFeatures(replace(seen, tiles=()), places, ())
        writings = []
        for question in request.questions:
            ids = self._processor.ask(impression.prompt, question.ask)
            limit = min(question.tokens, self._room(ids, len(impression.tile_indices)))
            writings.append(TokenSequence(ids, limit, request.decoding.get(question.name, GREEDY)))
        scene: SequenceGroup[Floats, Tensor] = SequenceGroup(
            tiles, impression.tile_indices, writings, impression.features
        )
        return InFlight(request, scene, impression.prompt, time.perf_counter() - began)

    def _room(self, ids: list[int], tiles: int) -> int:
        """How many tokens may follow the prompt; raises EngineError when it is not one that the model can read."""
        places, features = ids.count(self._processor.image_id), tiles * self._processor.tokens_per_tile
        if places != features:
            raise EngineError(f"The prompt has {places} places for pictures, and the pictures fill {features}.")
        room = self._processor.context - len(ids)
        if room < 1:
            raise EngineError(f"The prompt has {len(ids)} tokens; the model reads {self._processor.context}.")
        return room


def tile_bytes(made: InFlight[Floats, Tensor] | EngineError) -> int:
    return 0 if isinstance(made, EngineError) else sum(tile.nbytes for tile in made.scene.tiles)
