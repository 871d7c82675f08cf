"""Holds the engine: loads it when it can, closes it and loads a new one when it fails. Knows no jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from loguru import logger

from config.errors import ModelUnavailableError, SmolwatchError
from daemon.clock import Clock
from daemon.episode import Episode, State, log_lines
from daemon.errors import EngineError
from daemon.inference.engine import Engine, EngineInfo, Reply, Request
from daemon.inference.features.feature_cache import CacheUsage
from storage.status.values import EngineStatus

#: A model that was fetched, or a device that came back, is noticed within this time.
RETRY_SECONDS = 3.0
MAX_PAUSE_SECONDS = 60.0
#: Single files come in short succession: allocating memory for each costs more than keeping it this long.
IDLE_SECONDS = 30.0
#: So many consecutive failures are logged at level INFO, later ones at DEBUG.
LOGGED_FAILURES = 3


class EngineHost:
    """`make` returns a new engine, not loaded yet; `report` stores the engine's state for `smolwatch status`."""

    def __init__(self, make: Callable[[], Engine], clock: Clock, report: Callable[[EngineStatus], None]) -> None:
        self._make = make
        self._clock = clock
        self._report = report
        self._engine: Engine | None = None
        self._info: EngineInfo | None = None
        self._reported = EngineStatus()
        self._problem: SmolwatchError | None = None
        self._load_due = 0.0
        self._failures = 0
        self._idle_since: float | None = None
        self._is_at_rest = False
        self._failing = Episode()

    @property
    def info(self) -> EngineInfo | None:
        """Of the loaded engine; None while none is loaded."""
        return self._info

    def loaded_info(self) -> EngineInfo:
        """The same. Raises EngineError while none is loaded."""
        if self._info is None:
            raise EngineError("The model is being restarted.")
        return self._info

    @property
    def problem(self) -> SmolwatchError | None:
        """Why no engine could be loaded at the last try; None while one is loaded, or is loaded again soon."""
        return self._problem

    @property
    def rows(self) -> int:
        """How many requests may be in flight: one after a failure, until a request has succeeded."""
        return 0 if self._info is None else 1 if self._failures else self._info.rows

    def open(self) -> bool:
        """Load the engine if that is due. False while there is none: the reason is reported, no job is charged."""
        if self._info is not None:
            return True
        if self._clock.monotonic() < self._load_due:
            return False
        self._report_change(EngineStatus(state="loading"))
        try:
            engine = self._make()
            info = engine.load()
        except (ModelUnavailableError, EngineError) as error:
            return self._cannot_open(error)
        except Exception as error:  # noqa: BLE001 - libraries raise anything for a damaged model
            reason = f"The model cannot be loaded: {type(error).__name__}: {error}"
            log_lines(self._failing.on(State("load", reason), self._clock.monotonic()), error)
            return self._cannot_open(EngineError(reason))
        self._engine, self._info, self._problem = engine, info, None
        self._report_change(ready(info))
        return True

    def submit(self, request: Request) -> None:
        self._idle_since, self._is_at_rest = None, False
        self._loaded().submit(request)

    def step(self) -> list[Reply]:
        """One round. Raises EngineError when the whole engine has failed, whatever its own exception was."""
        with self._as_engine_errors():
            replies = self._loaded().step()
        if any(reply.error is None for reply in replies):
            self._failures = 0
            log_lines(self._failing.off(self._clock.monotonic()))
        return replies

    def partial(self, request_id: str) -> dict[str, str]:
        """The answers of a request as far as they are generated. Raises EngineError as `step` does."""
        if self._engine is None:
            return {}
        with self._as_engine_errors():
            return self._engine.partial(request_id)

    def cancel(self, request_id: str) -> None:
        """Drop a request: it gets no reply. Unknown ids are ignored. Raises EngineError as `step` does."""
        if self._engine is not None:
            with self._as_engine_errors():
                self._engine.cancel(request_id)

    def feature_usage(self) -> CacheUsage:
        """What the engine keeps of image features; nothing while none is loaded."""
        return CacheUsage() if self._engine is None else self._engine.feature_usage()

    def idle(self) -> None:
        """Call while there is no work: after `IDLE_SECONDS` the engine frees the memory that it kept for more."""
        now = self._clock.monotonic()
        if self._engine is None or self._is_at_rest:
            return
        self._idle_since = now if self._idle_since is None else self._idle_since
        if now - self._idle_since >= IDLE_SECONDS:
            self._is_at_rest = True
            self._engine.rest()

    def fail(self, reason: str) -> None:
        """The engine cannot be trusted any more: close it, and load a new one after a pause."""
        self.close()
        self._failures += 1
        log_lines(self._failing.on(failed(reason), self._clock.monotonic()))
        self._load_due = self._clock.monotonic() + self._pause()
        self._report_change(EngineStatus(state="restarting", reason=reason))

    def close(self) -> None:
        engine, self._engine, self._info = self._engine, None, None
        if engine is not None:
            engine.close()

    @contextmanager
    def _as_engine_errors(self) -> Iterator[None]:
        """Libraries raise anything: every exception inside becomes an EngineError."""
        try:
            yield
        except EngineError:
            raise
        except Exception as error:
            reason = f"The model failed: {type(error).__name__}: {error}"
            log_lines(self._failing.on(failed(reason), self._clock.monotonic()), error)
            raise EngineError(reason) from error

    def _cannot_open(self, error: SmolwatchError) -> bool:
        self._problem = error.with_traceback(None)
        self._report_change(EngineStatus(state="unavailable", reason=str(error), advice=error.advice))
        self._load_due = self._clock.monotonic() + self._pause()
        return False

    def _loaded(self) -> Engine:
        if self._engine is None:
            raise EngineError("The model is not loaded.")
        return self._engine

    def _pause(self) -> float:
        return min(MAX_PAUSE_SECONDS, 2.0**self._failures) if self._failures else RETRY_SECONDS

    def _report_change(self, status: EngineStatus) -> None:
        """ "loading" between two equal "unavailable" states is not reported, or status would flicker."""
        if status == self._reported or (status.state == "loading" and self._reported.state == "unavailable"):
            return
        self._reported = status
        self._report(status)
        values = (
            " ".join(value) if isinstance(value, list) else str(value) for value in status.facts().values() if value
        )
        # An engine that fails repeatedly would fill the log with the same line each minute.
        logger.log("DEBUG" if self._failures > LOGGED_FAILURES else "INFO", "Engine: {}", " ".join(values))


def failed(reason: str) -> State:
    return State("failed", reason, "The model works again")


def ready(info: EngineInfo) -> EngineStatus:
    return EngineStatus(
        state="ready",
        model=info.model_id,
        revision=info.revision,
        engine=info.engine,
        device=info.device,
        dtype=info.dtype,
        detail=info.detail,
        rows=info.rows,
        control=info.control,
        problem=info.problem,
        notes=info.notes,
    )
