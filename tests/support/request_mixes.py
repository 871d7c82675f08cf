"""Mixes of requests that arrive, leave and run beside each other, and what transformers answers to each alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from config.recipes import Question
from daemon.inference.batch.scheduler import Scheduler
from daemon.inference.engine import Request
from daemon.inference.sampling_params import GREEDY, SamplingParams
from tests.contracts.test_engine import QUESTIONS, picture, video
from tests.support.torch_reference import Reference

LONGEST = 20
STILL = replace(video("still", 4), pictures=video("still", 1).pictures * 4)  # four frames, all the same
ASKED = (*QUESTIONS, Question(name="colour", ask="Which colours do you see, and where are they?", tokens=LONGEST))
TWO = replace(picture("two"), pictures=(*picture("a").pictures, *picture("c", size=(30, 200)).pictures))
TEXT = Request(id="text", pictures=(), questions=QUESTIONS)
REQUESTS = (
    picture("a"),
    video("b", 3),
    picture("c", size=(30, 200)),
    video("d", 7),
    STILL,
    TWO,
    TEXT,
    replace(TWO, id="two after a system prompt", system="Look at the colours."),
    replace(TEXT, id="text after a system prompt", system="Answer in one word."),
)
#: Pictures among text, one or two of them.
MARKED = {
    1: Question(name="marked", ask="Describe <image> in one sentence.", tokens=LONGEST),
    2: Question(name="marked", ask="Describe this image: <image> Which colours has <image>?", tokens=LONGEST),
}

Batch = Scheduler[Any, Any]
Expect = Callable[[Request, tuple[Question, ...], int], list[list[int]]]


def expectation(reference: Reference) -> Expect:
    """Greedy answers do not depend on their limit: shorter ones are the beginnings of the longest."""

    def of(request: Request, questions: tuple[Question, ...], limit: int) -> list[list[int]]:
        sampling = request.sampling
        return [
            reference.generated(request, question, LONGEST, sampling.get(question.name, GREEDY))[:limit]
            for question in questions
        ]

    return of


def new_batch(runner: Any, reference: Reference, *, rows: int = 8, tokens: int = 100_000) -> Batch:
    return Scheduler(runner, max_sequences=rows, max_tokens=tokens, end_id=reference.processor.end_id)


def drained(batch: Batch, rounds: int = 400) -> list[Any]:
    return [finished for _ in range(rounds) for finished in batch.step()]


@dataclass(frozen=True)
class Arrival:
    """`pause`: rounds before it; `leaves`: rounds after which it is cancelled, if it was not over by then."""

    pause: int
    request: Request
    questions: tuple[Question, ...]
    limit: int
    leaves: int | None


#: For some of the questions.
DECODING = st.dictionaries(
    st.sampled_from([question.name for question in ASKED]),
    st.sampled_from(
        [
            SamplingParams(repetition_penalty=1.15),
            SamplingParams(repetition_penalty=3.0),
            SamplingParams(repetition_penalty=0.5),
            SamplingParams(temperature=0.7, seed=1),
            SamplingParams(temperature=0.7, seed=2),
            SamplingParams(temperature=1.3, top_k=20, top_p=0.9, seed=1),
            SamplingParams(temperature=1.3, top_p=0.8, repetition_penalty=1.2),
        ]
    ),
)
ARRIVALS = st.lists(
    st.builds(
        Arrival,
        pause=st.integers(0, 5),
        request=st.builds(replace, st.sampled_from(REQUESTS), sampling=DECODING),
        questions=st.lists(st.sampled_from(ASKED), min_size=1, max_size=3, unique=True).map(tuple),
        limit=st.integers(1, LONGEST),
        leaves=st.none() | st.integers(0, 6),
    ),
    min_size=1,
    max_size=7,
)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """`rows` and `tokens` of the batch; prompts are prefilled in pieces of `piece` tokens; calls that lack memory."""

    rows: int
    tokens: int
    piece: int
    short: frozenset[int]


LIMITS = st.builds(
    Limits,
    rows=st.integers(1, 7),
    tokens=st.sampled_from([64, 400, 800, 100_000]),
    piece=st.sampled_from([7, 50, 1024]),
    short=st.frozensets(st.integers(1, 25), max_size=3),
)


def check_mix(
    runner: Any,
    reference: Reference,
    arrivals: list[Arrival],
    limits: Limits,
    short_of_memory: AbstractContextManager[None],
) -> None:
    """Every answer is the one that transformers gives to its question alone."""
    expect = expectation(reference)
    batch = new_batch(runner, reference, rows=limits.rows, tokens=limits.tokens)
    batch.budget.tokens_per_step = limits.piece
    live: dict[Any, Arrival] = {}
    leaving: list[tuple[int, Any]] = []
    found: dict[Any, list[list[int]]] = {}
    rounds = 0
    with short_of_memory:
        waiting = list(arrivals)
        due = waiting[0].pause
        while waiting or live:
            if waiting and rounds >= due:
                arrival = waiting.pop(0)
                group = reference.group(arrival.request, arrival.questions, arrival.limit)
                live[group] = arrival
                batch.add(group)
                if arrival.leaves is not None:
                    leaving.append((rounds + arrival.leaves, group))
                due = rounds + (waiting[0].pause if waiting else 0)
                continue
            for when, group in leaving:
                if when == rounds and group in live:
                    del live[group]
                    batch.cancel(group)
            for finished in batch.step():
                arrival = live.pop(finished)
                assert finished.failure is None
                found[finished] = [sequence.output_ids for sequence in finished.sequences]
                assert found[finished] == expect(arrival.request, arrival.questions, arrival.limit)
            rounds += 1
            assert rounds < 1000
