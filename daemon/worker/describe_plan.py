"""The plan for a description: one request with all questions, then one more for bad answers; the better ones are kept.

The second request passes on the first reply's image features, so that pictures are not encoded again; the prompt is
prefilled again.
"""

from __future__ import annotations

from dataclasses import replace

from loguru import logger

from config.groups import Detail
from config.recipes import Question, Recipe
from daemon.inference.answers.checks import broken_rules, clean, judge
from daemon.inference.engine import Answer, Reply, Request
from daemon.inference.reask_policy import better_answer, plan_reask
from daemon.inference.sampling_params import samplings_of
from daemon.media.clip import Clip
from daemon.worker.describe_session import CheckedAnswer


class DescribePlan:
    """A `Plan`. Its requests' ids begin with `name`, which no other plan of the worker has.

    `detail`: how finely pictures are cut; None is the engine's own.
    """

    def __init__(self, name: str, recipe: Recipe, detail: Detail | None = None) -> None:
        self._name = name
        self._recipe = recipe
        self._detail = detail
        self._answers: dict[str, Answer] = {}

    def start(self, clip: Clip) -> list[Request]:
        """One request with all questions of the recipe."""
        questions = self._recipe.questions(is_video=clip.is_video)
        self._questions = {question.name: question for question in questions}
        self._first = Request(
            id=f"{self._name}:first",
            pictures=clip.pictures,
            questions=questions,
            system=self._recipe.system,
            detail=self._detail,
            sampling=samplings_of(questions),
            timestamps=clip.timestamps if clip.is_video else (),
            seconds=(clip.media.seconds or 0.0) if clip.is_video else None,
        )
        return [self._first]

    def feed(self, reply: Reply) -> list[Request]:
        """After the first reply, the request for its bad answers, if there are any. Raises the first reply's error."""
        if reply.id != self._first.id:
            self._keep_better(reply)
            return []
        if reply.error is not None:
            raise reply.error
        self._answers = dict(reply.answers)
        return self._reask(reply)

    def answers(self) -> dict[str, CheckedAnswer]:
        return {name: checked(self._questions[name], answer) for name, answer in self._answers.items()}

    def _reask(self, reply: Reply) -> list[Request]:
        """One request for all bad answers; none when all are good."""
        found = [plan_reask(self._questions[name], answer) for name, answer in reply.answers.items()]
        reasks = [reask for reask in found if reask is not None]
        if not reasks:
            return []
        reasons = "; ".join(f"{reask.question.name}: {', '.join(reask.codes)}" for reask in reasks)
        logger.info("Request {}: asked again ({})", reply.id, reasons)
        again = replace(
            self._first,
            id=f"{self._name}:reask",
            questions=tuple(reask.question for reask in reasks),
            sampling={reask.question.name: reask.sampling for reask in reasks},
            image_features=reply.image_features,
        )
        return [again]

    def _keep_better(self, second: Reply) -> None:
        """Every question's better answer. If the second reply is an error, the first answers are kept."""
        if second.error is not None:
            logger.warning("Request {}: the second answer failed: {}", second.id, second.error)
        for name, answer in second.answers.items():
            self._answers[name] = better_answer(self._questions[name], self._answers[name], answer)


def checked(question: Question, answer: Answer) -> CheckedAnswer:
    faults = (*judge(answer, question.ask), *broken_rules(answer, question))
    return CheckedAnswer(text=clean(answer.text, question=question.ask), faults=faults)
