"""The stock loop and the engines over the same checkpoint: at most one of each is loaded."""

from __future__ import annotations

from dataclasses import dataclass, replace

from config.errors import SmolwatchError
from config.groups import Detail
from config.settings import Settings
from daemon.inference.engine import Engine, EngineInfo
from daemon.inference.registry import engine_entry, make_engine
from daemon.inference.smolvlm.checkpoint import read_spec
from daemon.inference.smolvlm.processor import Processor, read_tokenizer, rule_for
from daemon.inference.torch.devices import device_name, has_int8, pick_device
from daemon.inference.torch.reference import ReferenceLoop
from daemon.inference.weights.sources import find_model


@dataclass(frozen=True)
class EngineChoice:
    """How an engine is loaded; `precision` and `engine` (a name) None are those of the settings."""

    detail: Detail
    rows: int
    precision: str | None = None
    engine: str | None = None


class LoadedModels:
    """The model of `settings`; raises ModelUnavailableError without weights."""

    def __init__(self, settings: Settings) -> None:
        if not engine_entry(settings).needs_weights:
            raise SmolwatchError("The echo engine has no model to measure.")
        self.folder = find_model(settings)
        self.spec = read_spec(self.folder.path)
        self.info: EngineInfo | None = None  # of the engine in the settings' own precision
        self._settings = settings
        self._tokenizer = read_tokenizer(self.folder.path, self.spec)
        self._reference: ReferenceLoop | None = None
        self._engines: dict[str | None, tuple[EngineChoice, Engine]] = {}  # by name; None is that of the settings

    @property
    def device_name(self) -> str:
        return device_name(pick_device(self._settings.model.device))

    @property
    def has_int8(self) -> bool:
        return has_int8(pick_device(self._settings.model.device))

    def processor(self, detail: Detail, *, reference_frames: bool = False) -> Processor:
        """With `reference_frames`, a video's frames are first resized like pictures, as in the stock class."""
        spec = replace(self.spec, frame_edge=self.spec.stock_edge) if reference_frames else self.spec
        return Processor(spec, self._tokenizer, rule_for(detail, self.spec))

    def new_reference(self) -> ReferenceLoop:
        """A newly loaded one, after closing the last one."""
        self.close_reference()
        chosen = self._settings.model
        self._reference = ReferenceLoop.from_folder(self.folder.path, device=chosen.device, precision=chosen.precision)
        return self._reference

    def reference(self) -> ReferenceLoop:
        return self._reference or self.new_reference()

    def new_engine(self, choice: EngineChoice) -> tuple[Engine, EngineInfo]:
        """A newly loaded one, as in the daemon, but all answers run to their limits.

        The last one of its name is closed.
        """
        self.close_engine(choice.engine)
        own = self._settings.model
        changes = {
            "detail": choice.detail,
            "rows": choice.rows,
            "precision": choice.precision or own.precision,
            "engine": choice.engine or own.engine,
        }
        settings = self._settings.model_copy(update={"model": own.model_copy(update=changes)})
        engine = make_engine(settings, stop_at_end=False)
        info = engine.load()
        self.info = info if choice.precision is choice.engine is None else self.info
        self._engines[choice.engine] = choice, engine
        return engine, info

    def loaded_engine(self, choice: EngineChoice) -> Engine | None:
        """The loaded engine, if it was loaded like this."""
        loaded_as, engine = self._engines.get(choice.engine, (None, None))
        return engine if loaded_as == choice else None

    def close_reference(self) -> None:
        if self._reference is not None:
            self._reference.close()
        self._reference = None

    def close_engine(self, name: str | None = None) -> None:
        _, engine = self._engines.pop(name, (None, None))
        if engine is not None:
            engine.close()

    def close(self) -> None:
        self.close_reference()
        for name in list(self._engines):
            self.close_engine(name)
