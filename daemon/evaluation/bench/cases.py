"""The benchmark's cases as values: tasks for the stock loop and for the engine, interleaved in groups.

The numbers of tiles are those of the 500M model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from config.errors import NotFoundError
from config.groups import Detail

WIDE, SMALL, SQUARE = (1920, 1080), (640, 480), (512, 512)
MIX = (WIDE, SMALL, SQUARE)
FRAME = (1280, 720)


class Measure(StrEnum):
    """What is read from a run."""

    SECONDS = "seconds a file"
    RATE = "tokens a second, all answers together, while they are written"
    VISION = "seconds of vision a tile"
    START = "seconds from nothing to the first answer"

    @property
    def more_is_better(self) -> bool:
        return self is Measure.RATE


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Pictures of these `sizes` (width, height), so many `copies` of each, all different; with `frames`, videos.

    Answers have `tokens` each, or the number of the whole benchmark; `precision` None is the settings' own.
    """

    detail: Detail
    sizes: tuple[tuple[int, int], ...]
    copies: int = 1
    questions: int = 1
    frames: int = 0
    tokens: int | None = None
    rows: int = 32
    precision: str | None = None


@dataclass(frozen=True, kw_only=True)
class Prepare:
    """The frames of one video are preprocessed; the model is not used."""

    frames: int


@dataclass(frozen=True, kw_only=True)
class Start:
    """The model is loaded and describes a picture, then another one."""


Task = Ask | Prepare | Start


@dataclass(frozen=True, kw_only=True)
class Group:
    """The reference task of the stock loop, and the engine's tasks that it is compared with, by the case's name."""

    reference: Task
    cases: Mapping[str, Task] = field(default_factory=dict)
    measure: Measure = Measure.SECONDS


ONE_TILE = Ask(detail="fast", sizes=(WIDE,))
FIVE_TILES = Ask(detail="balanced", sizes=(WIDE,))
THIRTEEN_TILES = Ask(detail="full", sizes=(WIDE,))
STOCK_MIX = Ask(detail="full", sizes=MIX, questions=2)
LOOK = replace(THIRTEEN_TILES, tokens=1)


def video(frames: int, copies: int = 1) -> Ask:
    return Ask(detail="full", sizes=(FRAME,), frames=frames, copies=copies)


GROUPS = (
    Group(reference=Start(), cases={"start": Start()}, measure=Measure.START),
    Group(
        reference=STOCK_MIX,
        cases={
            "fast": replace(STOCK_MIX, detail="fast", copies=8),
            "fast-int8": replace(STOCK_MIX, detail="fast", copies=8, precision="int8"),
            "balanced": replace(STOCK_MIX, detail="balanced", copies=5),
            "balanced-int8": replace(STOCK_MIX, detail="balanced", copies=5, precision="int8"),
            "full": replace(STOCK_MIX, detail="full", copies=3),
        },
    ),
    Group(reference=ONE_TILE, cases={"alone": ONE_TILE, "tiles-1": replace(ONE_TILE, copies=32)}),
    Group(
        reference=FIVE_TILES,
        cases={
            "tiles-5": replace(FIVE_TILES, copies=24),
            "tiles-5-int8": replace(FIVE_TILES, copies=24, precision="int8"),
        },
    ),
    Group(reference=THIRTEEN_TILES, cases={"tiles-13": replace(THIRTEEN_TILES, copies=8)}),
    Group(
        reference=ONE_TILE,
        cases={f"decode-{rows}": replace(ONE_TILE, questions=rows, rows=rows) for rows in (1, 8, 32, 64)},
        measure=Measure.RATE,
    ),
    Group(reference=LOOK, cases={"vision": LOOK}, measure=Measure.VISION),
    Group(reference=Prepare(frames=8), cases={"prepare-8": Prepare(frames=8)}),
    Group(reference=Prepare(frames=64), cases={"prepare-64": Prepare(frames=64)}),
    Group(reference=video(8), cases={"video-8": video(8, copies=4)}),
    Group(reference=video(64), cases={"video-64": video(64)}),
)
NAMES = tuple(name for group in GROUPS for name in group.cases)

#: A picture that is one tile for the 500M model, as in the published figure; so many pictures are in flight.
IN_FLIGHT = {f"flight-{rows}": Ask(detail="fast", sizes=((400, 300),), copies=8, rows=rows) for rows in (1, 2, 4)}
#: What engines are compared with: the task, and what is read from a run.
ENGINE_CASES: Mapping[str, tuple[Ask, Measure]] = {
    **{name: (task, Measure.SECONDS) for name, task in IN_FLIGHT.items()},
    "tiles-5": (replace(FIVE_TILES, copies=8, rows=8), Measure.SECONDS),
    "decode-8": (replace(ONE_TILE, questions=8, rows=8), Measure.RATE),
    "video-8": (replace(video(8), rows=8), Measure.SECONDS),
}


def choose_groups(chosen_names: Sequence[str]) -> list[Group]:
    """The groups with only the chosen cases, by name or by the part before the dash; no names choose all.

    Raises NotFoundError that lists all cases.
    """
    check_names(chosen_names, NAMES)
    kept = (
        replace(group, cases={case: task for case, task in group.cases.items() if is_chosen(case, chosen_names)})
        for group in GROUPS
    )
    return [group for group in kept if group.cases]


def choose_engine_cases(chosen_names: Sequence[str]) -> dict[str, tuple[Ask, Measure]]:
    """The same for the cases that engines are compared with."""
    check_names(chosen_names, tuple(ENGINE_CASES))
    return {name: case for name, case in ENGINE_CASES.items() if is_chosen(name, chosen_names)}


def check_names(chosen_names: Sequence[str], known: Sequence[str]) -> None:
    for name in chosen_names:
        if not any(matches(case, name) for case in known):
            raise NotFoundError(f"There is no case {name!r}.", advice=f"Choose among: {', '.join(known)}")


def is_chosen(case: str, chosen_names: Sequence[str]) -> bool:
    return not chosen_names or any(matches(case, name) for name in chosen_names)


def matches(case: str, name: str) -> bool:
    return name in (case, case.split("-")[0])


def without_copies(task: Task) -> Task:
    """The same with each picture once, for a quick run."""
    return replace(task, copies=1) if isinstance(task, Ask) else task
