from __future__ import annotations

from dataclasses import dataclass, field

from daemon.evaluation.bench.interleave import Measurement, Run, take_turns


@dataclass
class Watch:
    """A clock that only moves when a side works."""

    now: float = 0.0
    heard: list[str] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now


@dataclass
class Worker:
    """Gets ready for a second, and then works for as long as it is told, turn by turn."""

    name: str
    watch: Watch
    seconds: list[float]

    def ready(self) -> None:
        self.watch.heard.append(f"{self.name} is ready")
        self.watch.now += 1

    def run(self) -> Run:
        self.watch.heard.append(f"{self.name} runs")
        self.watch.now += self.seconds.pop(0)
        return Run(files=len(self.seconds), phases={})


def taken(watch: Watch, tell: list[str] | None = None) -> dict[str, list[Measurement]]:
    sides = {"stock": Worker("stock", watch, [5.0, 7.0]), "engine": Worker("engine", watch, [2.0, 3.0])}
    told: list[str] = [] if tell is None else tell
    return take_turns(sides, rounds=2, tell=told.append, clock=watch)


def test_sides_take_turns_and_are_ready_before_each() -> None:
    watch = Watch()
    taken(watch)
    assert watch.heard == ["stock is ready", "stock runs", "engine is ready", "engine runs"] * 2


def test_only_the_turn_itself_is_timed() -> None:
    turns = taken(Watch())
    assert {name: [turn.seconds for turn in found] for name, found in turns.items()} == {
        "stock": [5.0, 7.0],
        "engine": [2.0, 3.0],
    }


def test_every_turn_keeps_its_own_run() -> None:
    assert [turn.run.files for turn in taken(Watch())["stock"]] == [1, 0]


def test_every_turn_is_told() -> None:
    told: list[str] = []
    taken(Watch(), told)
    assert told == [
        "round 1 of 2: stock took 5.00 s",
        "round 1 of 2: engine took 2.00 s",
        "round 2 of 2: stock took 7.00 s",
        "round 2 of 2: engine took 3.00 s",
    ]
