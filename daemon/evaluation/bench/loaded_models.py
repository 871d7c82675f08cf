"""The stock loop and the engine over the same checkpoint: at most one of each is loaded."""

from __future__ import annotations

from dataclasses import replace

from config.errors import SmolwatchError
from config.settings import Detail, Settings
from daemon.inference.engine import Engine, EngineInfo
from daemon.inference.registry import engine_entry, make_engine
from daemon.inference.smolvlm.checkpoint import read_spec
from daemon.inference.smolvlm.processor import Processor, read_tokenizer, rule_for
from daemon.inference.torch.devices import device_name, has_int8, pick_device
from daemon.inference.torch.reference import ReferenceLoop
from daemon.inference.weights.sources import find_model


class LoadedModels:
    """What `settings` choose; raises ModelUnavailableError when the weights are not here."""

    def __init__(self, settings: Settings) -> None:
        if not engine_entry(settings).needs_weights:
            raise SmolwatchError("The echo engine has no model that could be measured.")
        self.folder = find_model(settings)
        self.spec = read_spec(self.folder.path)
        self.info: EngineInfo | None = None  # of the engine in the settings' own precision
        self._settings = settings
        self._tokenizer = read_tokenizer(self.folder.path, self.spec)
        self._stock: ReferenceLoop | None = None
        self._engine: Engine | None = None
        self._engine_is: tuple[Detail, int, str | None] | None = None

    @property
    def device_name(self) -> str:
        return device_name(pick_device(self._settings.model.device))

    @property
    def has_int8(self) -> bool:
        return has_int8(pick_device(self._settings.model.device))

    def processor(self, detail: Detail, *, stock_frames: bool = False) -> Processor:
        """With `stock_frames`, a video's frames are first resized as if they were pictures, as the stock class does."""
        spec = replace(self.spec, frame_edge=self.spec.stock_edge) if stock_frames else self.spec
        return Processor(spec, self._tokenizer, rule_for(detail, self.spec))

    def new_stock(self) -> ReferenceLoop:
        """Loaded in the place of an earlier one."""
        self.close_stock()
        chosen = self._settings.model
        self._stock = ReferenceLoop.from_folder(self.folder.path, device=chosen.device, precision=chosen.precision)
        return self._stock

    def stock(self) -> ReferenceLoop:
        return self._stock or self.new_stock()

    def new_engine(self, detail: Detail, rows: int, precision: str | None = None) -> Engine:
        """Loaded in the place of an earlier one, as the daemon loads it, but it writes all answers to their limits.

        By itself the precision is the one of the settings.
        """
        self.close_engine()
        chosen = {"detail": detail, "rows": rows, "precision": precision or self._settings.model.precision}
        model = self._settings.model.model_copy(update=chosen)
        engine = make_engine(self._settings.model_copy(update={"model": model}), stop_at_end=False)
        info = engine.load()
        self.info = info if precision is None else self.info
        self._engine, self._engine_is = engine, (detail, rows, precision)
        return engine

    def loaded_engine(self, detail: Detail, rows: int, precision: str | None = None) -> Engine | None:
        """The engine, if it is of this kind."""
        return self._engine if self._engine_is == (detail, rows, precision) else None

    def close_stock(self) -> None:
        if self._stock is not None:
            self._stock.close()
        self._stock = None

    def close_engine(self) -> None:
        if self._engine is not None:
            self._engine.close()
        self._engine = self._engine_is = None

    def close(self) -> None:
        self.close_stock()
        self.close_engine()
