"""Asks the cases through an engine, which it keeps full, in the way in which `smolwatch ask` does."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from config.settings import WorkSettings
from daemon.asking.opening import Open, open_clips
from daemon.asking.question import Ask
from daemon.asking.request import request_of
from daemon.errors import MediaError
from daemon.evaluation.running.case_media import MediaMissingError, files_of, with_control
from daemon.evaluation.running.case_results import answered, refused, thumbnail
from daemon.evaluation.running.case_tasks import CaseTask
from daemon.evaluation.witnesses.witness import Witness
from daemon.inference.answers.checks import clean
from daemon.inference.decode_plan import plan_for
from daemon.inference.engine import Engine, EngineInfo, Reply
from storage.evaluation.evaluation_records import CaseResult, Opinion, ResultKey

#: Longer edge of a picture for a witness, in pixels: a model may look at smaller ones.
WITNESS_EDGE = 1280

#: Runs a case's measurement while nothing else runs; its result.
RunMeasurement = Callable[[CaseTask], CaseResult]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A task whose request the engine works on."""

    task: CaseTask
    decode_seconds: float
    thumbnail: bytes | None


class Evaluator:
    """`info`: of the loaded `engine`. `facts`: the fields that every result of a task has now.

    `answers`: those of results that an interrupted run has already, for cases that are compared with them.
    `witnesses`: by the name that a case gives. They look while the engine waits, so that no phase is slower for them.
    """

    def __init__(
        self,
        engine: Engine,
        info: EngineInfo,
        open_file: Open,
        work: WorkSettings,
        measure: RunMeasurement,
        *,
        facts: Callable[[CaseTask], dict[str, Any]],
        answers: Mapping[ResultKey, str],
        witnesses: Mapping[str, Witness],
    ) -> None:
        self._engine, self._info, self._open_file, self._work = engine, info, open_file, work
        self._measure, self._facts = measure, facts
        self._answers, self._witnesses = dict(answers), witnesses
        self._finished = set(answers)
        self._in_flight: dict[str, Asked] = {}

    def run(self, tasks: Iterable[CaseTask]) -> Iterator[CaseResult]:
        """The results as they come. Measurements run alone, between the batches. Raises EngineError if none can run."""
        waiting = list(tasks)
        while waiting or self._in_flight:
            while len(self._in_flight) < self._info.rows and (task := self._next(waiting)) is not None:
                waiting.remove(task)
                result = self._measure(task) if task.case.measure else self._begin(task)
                if result is not None:
                    yield self._finish(task, result)
            if self._in_flight:
                for reply in self._engine.step():
                    asked = self._in_flight.pop(reply.id)
                    yield self._finish(asked.task, self._result(asked, reply))

    def _next(self, waiting: list[CaseTask]) -> CaseTask | None:
        """The first task that may begin now: a measurement waits for the batch, a comparison for its other answer."""
        for task in waiting:
            if task.case.measure:
                return None if self._in_flight else task
            if task.reference_key is None or task.reference_key in self._finished:
                return task
        # Its other answer will never come: the check reports that.
        return None if self._in_flight or not waiting else waiting[0]

    def _begin(self, task: CaseTask) -> CaseResult | None:
        """Open the task's media and submit it; the result if that fails."""
        case, began = task.case, time.perf_counter()
        try:
            ask = ask_of(task)
        except MediaMissingError as error:
            return CaseResult(**self._facts(task), score=0.0, skipped=str(error))
        try:
            plan = plan_for(self._info, ask.detail or self._info.detail, self._work)
            clips = with_control(open_clips(ask.files, self._open_file, plan), case.control)
        except MediaError as error:
            return refused(self._facts(task), task, without_path(error, ask.files))
        request_id = "/".join(map(str, task.key))
        self._engine.submit(replace(request_of(request_id, ask, clips), is_urgent=False))
        self._in_flight[request_id] = Asked(
            task=task, decode_seconds=time.perf_counter() - began, thumbnail=thumbnail(clips)
        )
        return None

    def _result(self, asked: Asked, reply: Reply) -> CaseResult:
        task = asked.task
        if reply.error is not None:
            return replace(refused(self._facts(task), task, str(reply.error)), thumbnail=asked.thumbnail)
        answer = next(iter(reply.answers.values()))
        result = answered(
            self._facts(task),
            task,
            clean(answer.text, question=task.case.ask or ""),
            complete=answer.complete,
            figures=reply.figures,
            decode_seconds=asked.decode_seconds,
            others={
                name: text
                for (suite, name, repeat), text in self._answers.items()
                if suite == task.suite.name and repeat == 0
            },
        )
        return replace(result, thumbnail=asked.thumbnail, opinion=self._opinion(task, result.answer))

    def _opinion(self, task: CaseTask, answer: str) -> Opinion | None:
        """That of the case's witness, about the pictures in a size in which text can be read."""
        witness = self._witnesses.get(task.case.witness or "")
        if witness is None:
            return None
        plan = replace(plan_for(self._info, self._info.detail, self._work), image_edge=WITNESS_EDGE)
        try:
            clips = with_control(open_clips(files_of(task.suite, task.case), self._open_file, plan), task.case.control)
        except MediaError:
            return None  # it was there a moment ago, when the model got it
        return witness.opinion([picture for clip in clips for picture in clip.pictures], answer)

    def _finish(self, task: CaseTask, result: CaseResult) -> CaseResult:
        self._finished.add(task.key)
        if result.error is None and result.skipped is None:
            self._answers[task.key] = result.answer
        return result


def ask_of(task: CaseTask) -> Ask:
    """The case as a person's question. Raises MediaMissingError."""
    case = task.case
    return Ask(
        question=case.ask or "",
        files=files_of(task.suite, case),
        system=case.system,
        tokens=case.tokens,
        temperature=case.temperature,
        top_p=case.top_p,
        seed=task.seed or 0,
        detail=case.detail,
    )


def without_path(error: MediaError, files: Sequence[bytes]) -> str:
    """The error's sentence: `open_clips` puts the file's path before it."""
    text = str(error)
    for file in files:
        text = text.removeprefix(f"{os.fsdecode(file)}: ")
    return text
