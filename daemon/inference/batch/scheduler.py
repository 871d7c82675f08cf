"""The batch: scenes come in, and round by round their answers are read, written and let go.

Nobody overtakes: answers get their places in the order in which their scenes came. Where memory runs out, the
youngest go back into line; where the model fails otherwise, all do. What fails alone is that scene's own failure.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

from daemon.inference.batch.runner_protocol import Runner, RunnerError, RunnerMemoryError
from daemon.inference.batch.sequence import Scene, State, Writing
from daemon.inference.batch.stop_criteria import Stop, stop_of
from daemon.inference.batch.token_budget import Budget

Tile = TypeVar("Tile")
Features = TypeVar("Features")


class Scheduler(Generic[Tile, Features]):
    """Keeps `runner` busy with at most `rows` answers and `tokens` of keys and values; `end_id` ends an answer.

    What goes round in circles is stopped. Without an `end_id`, all answers go on to their limits.
    """

    def __init__(self, runner: Runner[Tile, Features], *, rows: int, tokens: int, end_id: int | None) -> None:
        self.budget = Budget(rows=rows, tokens=tokens, block=runner.block)
        self._runner = runner
        self._end_id = end_id
        self._scenes: list[Scene[Tile, Features]] = []  # in the order in which they came

    @property
    def is_hungry(self) -> bool:
        """Whether another scene would find a place soon."""
        unseen = sum(len(scene.unseen) for scene in self._scenes)
        return unseen < self.budget.tiles_a_round and not any(self._all(State.WAITING))

    @property
    def is_only_writing(self) -> bool:
        """Whether the next round is likely to be a short one."""
        return not any(self._all(State.ADMITTED, State.READING))

    def add(self, scene: Scene[Tile, Features]) -> None:
        self._scenes.append(scene)
        self._admit()

    def cancel(self, scene: Scene[Tile, Features]) -> None:
        """Forget a scene; one that is not here is ignored."""
        if scene in self._scenes:
            self._leave(scene)

    def step(self) -> list[Scene[Tile, Features]]:
        """One round; the scenes that it finished."""
        failure: RunnerError | None = None
        try:
            self._admit()
            self._see()
            self._open()
            self._read()
            self._write()
        except RunnerError as error:
            # Without its traceback, which would still hold the failed round's memory.
            failure = error.with_traceback(None)
            failure.__cause__ = failure.__context__ = None
        if failure is not None:
            self._fall_back(failure)
        over = [scene for scene in self._scenes if scene.is_over]
        for scene in over:
            self._leave(scene)
        return over

    def _admit(self) -> None:
        """Places are given while rows and budget allow; who is first in line gets one in any case once all are free."""
        used, rows = self._used(), sum(1 for _ in self._with_places())
        for _, writing in self._all(State.WAITING):
            used += self._room(writing)
            if rows >= self.budget.rows or (rows and used > self.budget.tokens):
                break
            writing.state = State.ADMITTED
            rows += 1

    def _see(self) -> None:
        """Look at the next tiles of the scenes that have places."""
        wanted = unique(scene for scene, _ in self._all(State.ADMITTED))
        tiles = [(scene, tile) for scene in wanted for tile in scene.unseen][: self.budget.tiles_a_round]
        if not tiles:
            return
        with self._timed((scene for scene, _ in tiles), "vision"):
            seen = self._runner.see([tile for _, tile in tiles])
        for (scene, _), features in zip(tiles, seen, strict=True):
            scene.see(features)

    def _open(self) -> None:
        """Rows for those whose pictures were seen: the first of a scene reads its whole prompt, the others fork."""
        for scene, writing in self._all(State.ADMITTED):
            stem = scene.stem if scene.prefix else None
            if scene.unseen or (stem is not None and stem.read < scene.prefix):
                continue
            wanted = (writing.ids, scene.features, self._room(writing), writing.decoding)
            with self._timed([scene], "prefill"):
                if stem is None or stem.row is None:
                    writing.row = self._runner.open(*wanted)
                else:
                    writing.row = self._runner.fork(stem.row, scene.prefix, *wanted)
                    writing.read = scene.prefix
            writing.state = State.READING
            self._drop(scene.spent())

    def _read(self) -> None:
        """A bounded piece of the prompts; whose prompt ends here has its first token."""
        left = self.budget.tokens_a_round
        parts: list[tuple[Writing, int, int]] = []
        scenes = []
        for scene, writing in self._all(State.READING):
            count = min(left, len(writing.ids) - writing.read)
            if count and writing.row is not None:
                parts.append((writing, writing.row, count))
                scenes.append(scene)
                left -= count
        if not parts:
            return
        with self._timed(scenes, "prefill"):
            tokens = self._runner.read([(row, count) for _, row, count in parts])
        for scene, (writing, _, count), token in zip(scenes, parts, tokens, strict=True):
            writing.read += count
            if writing.read == len(writing.ids):
                writing.state = State.WRITING
                self._hear(scene, writing, token)

    def _write(self) -> None:
        """One more token of every answer."""
        writing = [(scene, one, one.row) for scene, one in self._all(State.WRITING) if one.row is not None]
        if not writing:
            return
        with self._timed((scene for scene, _, _ in writing), "generate"):
            tokens = self._runner.write([row for _, _, row in writing], [one.said[-1] for _, one, _ in writing])
        for (scene, one, _), token in zip(writing, tokens, strict=True):
            scene.rows_beside = max(scene.rows_beside, len(writing))
            self._hear(scene, one, token)

    def _hear(self, scene: Scene[Tile, Features], writing: Writing, token: int) -> None:
        """Take an answer's newest token, and let the answer go when that was the last."""
        writing.said.append(token)
        writing.stop = stop_of(writing.said, end_id=self._end_id, limit=writing.limit)
        if writing.stop is None:
            return
        if writing.stop is Stop.END:
            writing.said.pop()
        writing.state = State.DONE
        self.budget.recover(self._room(writing))
        self._drop(scene.spent())

    def _fall_back(self, failure: RunnerError) -> None:
        """Give memory back. Rows of finished answers go first; what can give nothing more back has failed."""
        used, active = self._used(), list(self._with_places())
        spent = [one for scene in self._scenes for one in scene.writings if one.is_over and one.row is not None]
        self._drop(spent)
        self.budget.halve(used)
        short = isinstance(failure, RunnerMemoryError)
        kept = self._fitting([one for _, one in active]) if short else 0
        for _, writing in active[kept:]:
            self._drop([writing])
            writing.begin_again()
        if len(active) == 1 and not (short and (spent or self.budget.shrink())):
            active[0][0].failure = str(failure)
        self._runner.give_back()

    def _fitting(self, active: Sequence[Writing]) -> int:
        """How many of these, oldest first, the budget holds; at least one."""
        used, count = 0, 0
        for writing in active:
            used += self._room(writing)
            count += used <= self.budget.tokens
        return max(1, count)

    def _leave(self, scene: Scene[Tile, Features]) -> None:
        self._scenes.remove(scene)
        for writing in scene.writings:
            if not writing.is_over:
                writing.state = State.CANCELLED
        self._drop(scene.writings)

    def _drop(self, writings: Iterable[Writing]) -> None:
        for writing in writings:
            if writing.row is not None:
                self._runner.drop(writing.row)
                writing.row = None

    def _all(self, *states: State) -> Iterator[tuple[Scene[Tile, Features], Writing]]:
        return ((scene, one) for scene in self._scenes for one in scene.writings if one.state in states)

    def _with_places(self) -> Iterator[tuple[Scene[Tile, Features], Writing]]:
        return self._all(State.ADMITTED, State.READING, State.WRITING)

    def _room(self, writing: Writing) -> int:
        return self.budget.room(len(writing.ids) + writing.limit)

    def _used(self) -> int:
        """Tokens that are set aside for answers with places, and for rows that are kept to fork from."""
        everyone = (one for scene in self._scenes for one in scene.writings)
        return sum(self._room(one) for one in everyone if one.has_place or one.row is not None)

    @contextmanager
    def _timed(self, scenes: Iterable[Scene[Tile, Features]], phase: str) -> Iterator[None]:
        """Adds the time that passes inside to that phase of every scene."""
        began = time.perf_counter()
        try:
            yield
        finally:
            for scene in unique(scenes):
                scene.seconds[phase] += time.perf_counter() - began


def unique(scenes: Iterable[Scene[Tile, Features]]) -> list[Scene[Tile, Features]]:
    return list(dict.fromkeys(scenes))
