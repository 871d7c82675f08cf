"""An evaluation and its results as frozen values. Reports are pure functions of them.

A *run* asks a model the cases of some suites. Each case gives one *result* for each repeat. A case that measures, such
as the time that loading takes, has figures; a case that asks has an answer and checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

#: The largest thumbnail, so that a report of 300 cases stays small.
MOST_THUMBNAIL_BYTES = 4096

#: (suite, case, repeat): one result of a run.
ResultKey: TypeAlias = tuple[str, str, int]


class Aspect(StrEnum):
    """What a check counts for."""

    ACCURACY = "accuracy"  #: the facts are right
    INSTRUCTION = "instruction"  #: the answer has the length and form that the question asks for
    HALLUCINATION = "hallucination"  #: nothing is named that is not there
    CONTROL = "control"  #: the answer depends on the picture, and on the order in time
    MEASUREMENT = "measurement"  #: a measured figure is within its limit


@dataclass(frozen=True, kw_only=True)
class CheckVerdict:
    """One check of an answer.

    `kind`: "contains", "any_of", "number" and so on. `expected`: for people, such as 'contains "red"'. `reason`: why it
    passed or failed, one sentence. `weight`: its share among the case's checks.
    """

    kind: str
    expected: str
    aspect: Aspect
    passed: bool
    reason: str
    weight: float = 1.0


class WitnessVerdict(StrEnum):
    """What an independent program says of an answer; it counts nowhere."""

    AGREES = "agrees"
    DISAGREES = "does not agree"
    NO_OPINION = "has no opinion"


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """`witness`: what looked at the same pictures: "text". `reason`: what it found there, or why it has no opinion."""

    witness: str
    verdict: WitnessVerdict
    reason: str


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A measured number. `value` None: not measured here, and `note` says why; else `note` is how it was measured.

    `unit`: "s", "tokens/s", "bytes", "kB/picture", "%", "1-10", "" for a count.
    """

    name: str
    value: float | None
    unit: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A measured line for a plot: points (x, y) in the order in which they were taken. Labels have their units."""

    name: str
    x_label: str
    y_label: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class CaseResult:
    """What came of one case, in one repeat (from 0).

    `plan`: the rows of the testing plan that the case belongs to, such as "2.2". `inputs`: the media's names, in order.
    `references`: captions that a person would write. `score`: 0 to 1, the weighted share of checks that passed; 0 with
    an error. `weight`: the case's share in its category. `metrics`: of this answer alone, by name: "coherence" (1-10).
    `seconds`: by phase, as in a description; they are not comparable with others where `is_shared`. `seed` and
    `temperature`: of a sampled answer; greedy ones have temperature 0. `error`: why there is no answer, although one
    was expected. `skipped`: why the case was not tried here, such as an extra that is not installed; it counts nowhere.
    `note`: what else a reader should know. `opinion`: a witness's, where the case calls one.
    """

    suite: str
    case: str
    category: str
    plan: tuple[str, ...]
    finished_at: datetime
    inputs: tuple[str, ...] = ()
    question: str = ""
    answer: str = ""
    references: tuple[str, ...] = ()
    checks: tuple[CheckVerdict, ...] = ()
    score: float
    weight: float = 1.0
    metrics: Mapping[str, float] = field(default_factory=dict)
    figures: tuple[Figure, ...] = ()
    lines: tuple[Line, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    tokens_in: int = 0
    tokens_out: int = 0
    peak_memory_bytes: int = 0
    device_memory_bytes: int = 0
    repeat: int = 0
    seed: int | None = None
    temperature: float = 0.0
    error: str | None = None
    skipped: str | None = None
    note: str | None = None
    thumbnail: bytes | None = None  #: JPEG, at most MOST_THUMBNAIL_BYTES
    is_shared: bool = False  #: a daemon used the same device meanwhile
    opinion: Opinion | None = None

    @property
    def key(self) -> ResultKey:
        return self.suite, self.case, self.repeat


@dataclass(frozen=True, kw_only=True)
class NewRun:
    """A run that begins. `machine`: JSON values, see `daemon/evaluation/machine.py`; `libraries`: name to version.

    `weights_digest`: of the checkpoint's files. `precision` is the setting, `dtype` what the engine chose. `suites`:
    their names, in order; `suites_digest`: of all their cases, to know whether two runs asked the same. `folder`: a
    suite's folder of a person's own. `limit`: the most cases of a suite. `planned`: how many results the run will have.
    `control`: the digest of the answers about control tiles. `options`: how the run was started, to resume it.
    """

    smolwatch: str
    machine: Mapping[str, object]
    libraries: Mapping[str, str]
    model_id: str
    revision: str
    weights_digest: str
    engine: str
    device: str
    dtype: str
    precision: str
    detail: str
    suites: tuple[str, ...]
    suites_digest: str
    folder: str | None = None
    repeat: int = 1
    limit: int | None = None
    seed: int = 0
    planned: int
    control: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    is_shared: bool = False


@dataclass(frozen=True, kw_only=True)
class EvaluationRun(NewRun):
    """A stored run. `ended_at` None: it is running, or was interrupted and can be resumed.

    `finished`: how many results it has. `is_shared`: a daemon used the device during at least one of them.
    """

    id: int
    started_at: datetime
    ended_at: datetime | None = None
    finished: int = 0
