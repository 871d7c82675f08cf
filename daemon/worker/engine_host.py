"""Where the engine stands: loaded when it can be, closed and loaded anew when it fails. Knows no jobs."""

from __future__ import annotations

from collections.abc import Callable

from loguru import logger

from config.errors import ModelUnavailableError
from daemon.clock import Clock
from daemon.episode import Episode, State, log_lines
from daemon.errors import EngineError
from daemon.inference.engine import Engine, EngineInfo, Reply, Request

#: A model that was fetched, or a device that came back, is noticed within this time.
LOOK_AGAIN_SECONDS = 3.0
LONGEST_PAUSE_SECONDS = 60.0
#: Single files come in short succession: to take memory anew for each costs more than to keep it this long.
REST_SECONDS = 30.0
#: How many failures running are told one by one.
TOLD_FAILURES = 3


class EngineHost:
    """`make` gives a new engine, not loaded yet; `report` writes the engine's state down for status."""

    def __init__(self, make: Callable[[], Engine], clock: Clock, report: Callable[[dict[str, object]], None]) -> None:
        self._make = make
        self._clock = clock
        self._report = report
        self._engine: Engine | None = None
        self._info: EngineInfo | None = None
        self._reported: dict[str, object] = {}
        self._look_due = 0.0
        self._failures = 0
        self._idle_since: float | None = None
        self._rested = False
        self._failing = Episode()

    @property
    def info(self) -> EngineInfo | None:
        """What is loaded; None while nothing is."""
        return self._info

    @property
    def rows(self) -> int:
        """How many requests may be under way. After a failure one at a time, until one has succeeded."""
        return 0 if self._info is None else 1 if self._failures else self._info.rows

    def open(self) -> bool:
        """Load the engine if that is due. False while there is none; the reason is reported, no job is touched."""
        if self._info is not None:
            return True
        if self._clock.monotonic() < self._look_due:
            return False
        self._tell({"state": "loading"})
        try:
            engine = self._make()
            info = engine.load()
        except (ModelUnavailableError, EngineError) as error:
            return self._cannot_open(str(error), error.advice)
        except Exception as error:
            reason = f"The model cannot be loaded: {type(error).__name__}: {error}"
            log_lines(self._failing.on(State("load", reason), self._clock.monotonic()), error)
            return self._cannot_open(reason, "")
        self._engine, self._info = engine, info
        self._tell(ready(info))
        return True

    def submit(self, request: Request) -> None:
        self._idle_since, self._rested = None, False
        self._running().submit(request)

    def step(self) -> list[Reply]:
        """One round. Raises EngineError when the engine as a whole has failed, whatever it raised itself."""
        try:
            replies = self._running().step()
        except EngineError:
            raise
        except Exception as error:
            reason = f"The model failed: {type(error).__name__}: {error}"
            log_lines(self._failing.on(failed(reason), self._clock.monotonic()), error)
            raise EngineError(reason) from error
        if any(reply.error is None for reply in replies):
            self._failures = 0
            log_lines(self._failing.off(self._clock.monotonic()))
        return replies

    def rest(self) -> None:
        """There is nothing to do: once that has lasted, the engine gives back what it keeps for more work."""
        now = self._clock.monotonic()
        if self._engine is None or self._rested:
            return
        self._idle_since = now if self._idle_since is None else self._idle_since
        if now - self._idle_since >= REST_SECONDS:
            self._rested = True
            self._engine.rest()

    def fail(self, reason: str) -> None:
        """The engine cannot be trusted any more: close it, and load anew after a pause."""
        self.close()
        self._failures += 1
        log_lines(self._failing.on(failed(reason), self._clock.monotonic()))
        self._look_due = self._clock.monotonic() + self._pause()
        self._tell({"state": "restarting", "reason": reason})

    def close(self) -> None:
        engine, self._engine, self._info = self._engine, None, None
        if engine is not None:
            engine.close()

    def _cannot_open(self, reason: str, advice: str) -> bool:
        self._tell({"state": "unavailable", "reason": reason, "advice": advice})
        self._look_due = self._clock.monotonic() + self._pause()
        return False

    def _running(self) -> Engine:
        if self._engine is None:
            raise EngineError("The model is not loaded.")
        return self._engine

    def _pause(self) -> float:
        return min(LONGEST_PAUSE_SECONDS, 2.0**self._failures) if self._failures else LOOK_AGAIN_SECONDS

    def _tell(self, state: dict[str, object]) -> None:
        """Report a change. "loading" is passed over between two equal refusals, or status would flicker."""
        if state == self._reported or (state["state"] == "loading" and self._reported.get("state") == "unavailable"):
            return
        self._reported = state
        self._report(state)
        values = (" ".join(value) if isinstance(value, list) else str(value) for value in state.values() if value)
        # Restarted again and again, it would say the same each minute.
        logger.log("DEBUG" if self._failures > TOLD_FAILURES else "INFO", "Engine: {}", " ".join(values))


def failed(reason: str) -> State:
    return State("failed", reason, "The model answers again")


def ready(info: EngineInfo) -> dict[str, object]:
    return {
        "state": "ready",
        "model": info.model_id,
        "revision": info.revision,
        "engine": info.engine,
        "device": info.device,
        "dtype": info.dtype,
        "detail": info.detail,
        "rows": info.rows,
        "notes": list(info.notes),
    }
