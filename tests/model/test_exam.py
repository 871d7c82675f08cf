"""The demo model's exam through files and command line: captions by the daemon, the other answers by `ask`.

The drawings have a seed that the training never uses. Right is what equals the truth letter by letter.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import smolwatch
from storage.lifecycle import JobState
from tests.support.demo_world.exam import EXAM, Exercise, points, right_points
from tests.support.demo_world.gallery import FRAMES_A_SECOND
from tests.support.demo_world.world import SHAPES
from tests.support.media.media_files import save_image, save_video
from tests.support.processes import DaemonHome

#: The least share that is right, of what the daemon describes and of what `ask` answers.
CAPTIONS = {
    "pictures": 0.98,
    "clips": 0.97,
    "still clips": 0.97,
    "clips both ways": 0.97,
    "clips of two events": 0.9,
    "plain and blank": 0.98,
    "squeezed pictures": 0.95,
}
ANSWERS = {
    "what happens first": 0.9,
    "two pictures": 0.95,
    "three or four pictures": 0.9,
    "yes or no": 0.97,
    "text only": 0.95,
}
#: Where revision 2 of the demo model falls short: 175 of 200 and 88 of 100 (docs/decisions/13-demo-model.md).
SHORT = {"two pictures", "three or four pictures"}
BELOW = pytest.mark.xfail(strict=True, reason="revision 2 of the demo model does not compare shapes well enough")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    environ = {"SMOLWATCH_MODEL__ENGINE": "torch", "SMOLWATCH_MODEL__ID": "demo"}
    with closing(DaemonHome(tmp_path / "home", environ)) as home:
        yield home


def files_of(exercise: Exercise, folder: Path, name: str) -> list[Path]:
    """The exercise's pictures or its film as files; a question alone has none."""
    if exercise.film:
        path = folder / f"{name}.mp4"
        save_video(path, exercise.frames(FRAMES_A_SECOND), fps=FRAMES_A_SECOND)
        return [path]
    paths = [folder / f"{name}-{number}.png" for number in range(len(exercise.pictures))]
    for path, image in zip(paths, exercise.images(), strict=True):
        save_image(path, image)
    return paths


def test_every_kind_of_the_exam_has_a_bar() -> None:
    assert {*CAPTIONS, *ANSWERS} == set(EXAM)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", CAPTIONS)
def test_what_is_dropped_is_described_truly(home: DaemonHome, kind: str) -> None:
    paper = points(kind)
    exercises = [exercise for point in paper for exercise in point]
    names = [files_of(exercise, home.inbox, f"{k:04}")[0].name for k, exercise in enumerate(exercises)]
    assert home.start("--once").wait(timeout=1500) == 0
    captions = {}
    with home.reading() as library:
        for name, job in home.jobs().items():
            assert job.state is JobState.DONE
            description = library.description(job.id)
            assert description is not None
            captions[name] = description.answers["caption"]
    right = [captions[name] == exercise.asked[1] for name, exercise in zip(names, exercises, strict=True)]
    for name, exercise, is_right in zip(names, exercises, right, strict=True):
        if not is_right:
            print(f"{name}: answered {captions[name]!r}, true is {exercise.asked[1]!r}")
    print(f"{kind}: {right_points(paper, right)} of {len(paper)}")
    assert right_points(paper, right) >= CAPTIONS[kind] * len(paper)
    if kind == "plain and blank":
        assert not [text for text in captions.values() if any(shape in text for shape in SHAPES)]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", [pytest.param(kind, marks=BELOW) if kind in SHORT else kind for kind in ANSWERS])
def test_what_is_asked_is_answered_truly(home: DaemonHome, tmp_path: Path, kind: str) -> None:
    home.start_and_wait()
    paper = points(kind)
    right = []
    for k, exercise in enumerate(exercise for point in paper for exercise in point):
        question, truth = exercise.asked
        asked = [*map(str, files_of(exercise, tmp_path, f"{k:04}")), question, "--json"]
        done = CliRunner().invoke(smolwatch, ["--home", str(home.settings.home), "ask", *asked])
        assert done.exit_code == 0, done.stderr
        [answer] = json.loads(done.stdout)["answers"]
        right.append(answer["text"] == truth)
        if not right[-1]:
            print(f"{k:04}: {question} answered {answer['text']!r}, true is {truth!r}")
    print(f"{kind}: {right_points(paper, right)} of {len(paper)}")
    assert right_points(paper, right) >= ANSWERS[kind] * len(paper)
