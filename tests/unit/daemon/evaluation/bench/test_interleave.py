from __future__ import annotations

from dataclasses import dataclass, field

from daemon.evaluation.bench.interleave import Measurement, Run, interleave


@dataclass
class FakeClock:
    """A clock that only moves when a contestant works."""

    now: float = 0.0
    events: list[str] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now


@dataclass
class TimedContestant:
    """Prepares for a second, then runs for the given seconds, one number a round."""

    name: str
    clock: FakeClock
    seconds: list[float]

    def prepare(self) -> None:
        self.clock.events.append(f"{self.name} is prepared")
        self.clock.now += 1

    def run(self) -> Run:
        self.clock.events.append(f"{self.name} runs")
        self.clock.now += self.seconds.pop(0)
        return Run(files=len(self.seconds), phases={})


def taken(clock: FakeClock, lines: list[str] | None = None) -> dict[str, list[Measurement]]:
    contestants = {
        "stock": TimedContestant("stock", clock, [5.0, 7.0]),
        "engine": TimedContestant("engine", clock, [2.0, 3.0]),
    }
    lines = [] if lines is None else lines
    return interleave(contestants, rounds=2, on_progress=lines.append, clock=clock)


def test_contestants_are_interleaved_and_prepared_before_each_run() -> None:
    clock = FakeClock()
    taken(clock)
    assert clock.events == ["stock is prepared", "stock runs", "engine is prepared", "engine runs"] * 2


def test_only_the_run_itself_is_timed() -> None:
    measurements = taken(FakeClock())
    assert {name: [measurement.seconds for measurement in found] for name, found in measurements.items()} == {
        "stock": [5.0, 7.0],
        "engine": [2.0, 3.0],
    }


def test_every_measurement_has_its_own_run() -> None:
    assert [measurement.run.files for measurement in taken(FakeClock())["stock"]] == [1, 0]


def test_every_run_is_reported() -> None:
    lines: list[str] = []
    taken(FakeClock(), lines)
    assert lines == [
        "round 1 of 2: stock took 5.00 s",
        "round 1 of 2: engine took 2.00 s",
        "round 2 of 2: stock took 7.00 s",
        "round 2 of 2: engine took 3.00 s",
    ]
