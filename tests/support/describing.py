"""Files through the decoder process and the demo model: the caption of each, with the facts, or why it is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from config.recipes import Question, load_recipe
from daemon.errors import MediaError
from daemon.inference.engine import Engine, EngineInfo, Reply, Request
from daemon.media.clip import Clip, DecodePlan
from daemon.media.decoder.decoder import Decoder
from storage.records import Fingerprint
from tests.support.demo_world.scenes import Shown, rougher, shown
from tests.support.demo_world.world import Film, Picture
from tests.support.refusals import is_for_people

RECIPE = load_recipe()
#: Seeds that a scene may be drawn with, until one is found whose original the model names.
SEEDS = range(5, 25)
#: The seed that was found for a scene of so many seconds, this rate and this size. Drawing it again takes no memory.
NAMED: dict[tuple[Picture | Film, float, float, tuple[int, int]], int] = {}


@dataclass(frozen=True)
class Described:
    """`clip` and `caption` of a file that was opened, or the `refusal` of one that was not."""

    path: Path
    clip: Clip | None = None
    caption: str = ""
    refusal: MediaError | None = None

    @property
    def facts(self) -> dict[str, Any]:
        assert self.clip is not None, f"{self.path.name} was refused: {self.refusal} ({self.refusal!r})"
        return {name: value for name, value in asdict(self.clip.media).items() if value is not None}


class Describer:
    """One decoder and one engine, for many files."""

    def __init__(self, engine: Engine, info: EngineInfo, decoder: Decoder) -> None:
        self._engine, self._info, self._decoder = engine, info, decoder
        self.plan = DecodePlan(
            image_edge=info.image_edges[info.detail],
            frame_edge=info.frame_edge,
            frames_per_second=info.frames_per_second,
            max_frames=info.max_frames,
            max_bytes=10**10,
            seconds=30,
        )

    def describe(self, path: Path) -> Described:
        try:
            clip = self.open(path)
        except MediaError as refusal:
            assert is_for_people(f"{refusal}"), f"{path.name}: {refusal}"
            return Described(path, refusal=refusal)
        return Described(
            path, clip, self.caption_of(clip.pictures, clip.timestamps, clip.media.seconds if clip.is_video else None)
        )

    def open(self, path: Path) -> Clip:
        return self._decoder.open(os.fsencode(path), Fingerprint.of(path.lstat()), self.plan)

    def caption_of(self, pictures: Sequence[np.ndarray], timestamps: Sequence[float], seconds: float | None) -> str:
        """The caption. No `seconds`: of a picture, else of a film's frames."""
        (found,) = self.captions_of([(pictures, timestamps)], seconds)
        return found

    def captions_of(
        self, rows: Sequence[tuple[Sequence[np.ndarray], Sequence[float]]], seconds: float | None
    ) -> list[str]:
        """The captions of pictures and their times, in one batch."""
        questions = caption(RECIPE.image if seconds is None else RECIPE.video)
        for number, (pictures, timestamps) in enumerate(rows):
            times = () if seconds is None else tuple(timestamps)
            self._engine.submit(
                Request(
                    id=f"{number}", pictures=tuple(pictures), questions=questions, timestamps=times, seconds=seconds
                )
            )
        replies: dict[str, Reply] = {}
        while len(replies) < len(rows):
            replies |= {reply.id: reply for reply in self._engine.step()}
        assert not any(reply.error for reply in replies.values()), replies
        return [replies[f"{number}"].answers["caption"].text for number in range(len(rows))]

    def scene(
        self,
        scene: Picture | Film,
        *,
        seconds: float = 4,
        rate: float = 8,
        size: tuple[int, int] = (320, 240),
    ) -> Shown:
        """The scene, drawn so that the model names the original: a false caption is then the decoder's fault."""
        key = (scene, seconds, rate, size)
        for seed in [NAMED[key]] if key in NAMED else SEEDS:
            found = shown(scene, seed, seconds=seconds, rate=rate, size=size)
            if key in NAMED or self.names(found):
                NAMED[key] = seed
                return found
        raise AssertionError(f"the model names no drawing of {scene}")

    def names(self, found: Shown) -> bool:
        rows = [
            ([np.asarray(picture) for picture in row], times)
            for pictures, times in found.sampled()
            for row in (pictures, *rougher(pictures))
        ]
        return set(self.captions_of(rows, found.seconds if found.rate else None)) == {found.caption}


def caption(questions: Sequence[Question]) -> tuple[Question, ...]:
    return tuple(question for question in questions if question.name == "caption")


@contextmanager
def describer_of(engine: Engine, info: EngineInfo) -> Iterator[Describer]:
    with closing(Decoder()) as decoder:
        yield Describer(engine, info, decoder)


def check_caption(described: Described, truth: str, **facts: Any) -> None:
    """AssertionError unless the file was described by these words, with these facts of `Media`."""
    assert {name: described.facts.get(name) for name in facts} == facts, f"{described.path.name}: {described.facts}"
    assert described.caption == truth, described.path.name


def check_refusal(described: Described, code: str, *words: str) -> None:
    """AssertionError unless the file was refused with this code, and the message has one of the words."""
    assert described.refusal is not None, f"{described.path.name} was described: {described.caption} {described.facts}"
    text = f"{described.refusal} {described.refusal.advice}".lower()
    assert described.refusal.code == code, text
    assert any(word in text for word in words), text
