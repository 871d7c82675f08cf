"""What is measured, as values: tasks for the stock loop and for the engine, in groups that take turns.

The numbers of tiles are those of the 500M model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from config.errors import NotFoundError
from config.settings import Detail

WIDE, SMALL, SQUARE = (1920, 1080), (640, 480), (512, 512)
MIX = (WIDE, SMALL, SQUARE)
FRAME = (1280, 720)


class Measure(StrEnum):
    """What is read from a turn."""

    SECONDS = "seconds a file"
    RATE = "tokens a second, all answers together, while they are written"
    VISION = "seconds of vision a tile"
    START = "seconds from nothing to the first answer"

    @property
    def more_is_better(self) -> bool:
        return self is Measure.RATE


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Pictures of these `sizes` (width, height), so many `copies` of each, all different; `frames` make videos of them.

    Answers have `tokens` each, or as many as the whole run is told; `precision` is the settings' own if none is named.
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
    """The frames of one video are made ready for the model, which is not asked."""

    frames: int


@dataclass(frozen=True, kw_only=True)
class Start:
    """The model is loaded and asked about a picture, and then about another one."""


Task = Ask | Prepare | Start


@dataclass(frozen=True, kw_only=True)
class Group:
    """What the stock loop does in its turns, and what the engine does in its own, by the case's name."""

    stock: Task
    cases: Mapping[str, Task] = field(default_factory=dict)
    measure: Measure = Measure.SECONDS


ONE_TILE = Ask(detail="fast", sizes=(WIDE,))
FIVE_TILES = Ask(detail="balanced", sizes=(WIDE,))
THIRTEEN_TILES = Ask(detail="full", sizes=(WIDE,))
STOCK_MIX = Ask(detail="full", sizes=MIX, questions=2)
LOOK = replace(THIRTEEN_TILES, tokens=1)


def film(frames: int, copies: int = 1) -> Ask:
    return Ask(detail="full", sizes=(FRAME,), frames=frames, copies=copies)


GROUPS = (
    Group(stock=Start(), cases={"start": Start()}, measure=Measure.START),
    Group(
        stock=STOCK_MIX,
        cases={
            "fast": replace(STOCK_MIX, detail="fast", copies=8),
            "fast-int8": replace(STOCK_MIX, detail="fast", copies=8, precision="int8"),
            "balanced": replace(STOCK_MIX, detail="balanced", copies=5),
            "balanced-int8": replace(STOCK_MIX, detail="balanced", copies=5, precision="int8"),
            "full": replace(STOCK_MIX, detail="full", copies=3),
        },
    ),
    Group(stock=ONE_TILE, cases={"alone": ONE_TILE, "tiles-1": replace(ONE_TILE, copies=32)}),
    Group(
        stock=FIVE_TILES,
        cases={
            "tiles-5": replace(FIVE_TILES, copies=24),
            "tiles-5-int8": replace(FIVE_TILES, copies=24, precision="int8"),
        },
    ),
    Group(stock=THIRTEEN_TILES, cases={"tiles-13": replace(THIRTEEN_TILES, copies=8)}),
    Group(
        stock=ONE_TILE,
        cases={f"decode-{rows}": replace(ONE_TILE, questions=rows, rows=rows) for rows in (1, 8, 32, 64)},
        measure=Measure.RATE,
    ),
    Group(stock=LOOK, cases={"vision": LOOK}, measure=Measure.VISION),
    Group(stock=Prepare(frames=8), cases={"prepare-8": Prepare(frames=8)}),
    Group(stock=Prepare(frames=64), cases={"prepare-64": Prepare(frames=64)}),
    Group(stock=film(8), cases={"video-8": film(8, copies=4)}),
    Group(stock=film(64), cases={"video-64": film(64)}),
)
NAMES = tuple(name for group in GROUPS for name in group.cases)


def chosen(wanted: Sequence[str]) -> list[Group]:
    """The groups with only those cases that are wanted: by name, or by what stands before its dash; none wanted is all.

    Raises NotFoundError that names the cases there are.
    """
    for name in wanted:
        if not any(is_meant(case, name) for case in NAMES):
            raise NotFoundError(f"There is no case {name!r}.", advice=f"Choose among: {', '.join(NAMES)}")
    kept = (
        replace(group, cases={case: task for case, task in group.cases.items() if is_wanted(case, wanted)})
        for group in GROUPS
    )
    return [group for group in kept if group.cases]


def is_wanted(case: str, wanted: Sequence[str]) -> bool:
    return not wanted or any(is_meant(case, name) for name in wanted)


def is_meant(case: str, name: str) -> bool:
    return name in (case, case.split("-")[0])


def smaller(task: Task) -> Task:
    """The same with each picture once, for a quick look."""
    return replace(task, copies=1) if isinstance(task, Ask) else task
