from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from config.recipes import Question, load_recipe
from daemon.errors import EngineError
from daemon.inference.echo_engine import EchoEngine
from daemon.inference.engine import Answer, Figures, Reply
from daemon.media.clip import Clip
from daemon.worker.describe import Cost, describe, with_path_of
from daemon.worker.describe_plan import DescribePlan
from daemon.worker.describe_session import DescribeSession, SessionResult
from storage.description import Description, Quality
from storage.lifecycle import JobState
from storage.records import Job, MediaKind
from tests.fakes.clock import START
from tests.support.files import SPEC, description_of, new_file

RECIPE = load_recipe()
COST = Cost(queued=0.5, decode=0.25, total=3.0, peak_memory_bytes=1000, launched_by="terminal")
FIGURES = Figures(
    seconds={"generate": 2.0}, tokens_in=90, tokens_out=30, batch_rows=2, device_memory_bytes=0, cold_start=False
)


def job_of(kind: MediaKind) -> Job:
    file = new_file(kind=kind)
    return Job(
        id=1,
        path=file.path,
        kind=kind,
        format=file.format,
        digest=file.digest,
        fingerprint=file.fingerprint,
        spec=SPEC,
        state=JobState.RUNNING,
        attempts=1,
        max_attempts=3,
        not_before=None,
        queued_at=START - timedelta(seconds=9),
        started_at=START,
        finished_at=None,
        cause=None,
        reason_code=None,
        reason=None,
    )


def described(kind: MediaKind = MediaKind.IMAGE, *, complete: bool = True, **texts: str) -> Description:
    """The description for these texts, by question."""
    answers = {name: Answer(text=text, tokens=9, complete=complete) for name, text in texts.items()}
    media = description_of(new_file(kind=kind)).media
    session = DescribeSession(DescribePlan("1", RECIPE))
    (request,) = session.start(Clip(media=media, pictures=(), timestamps=()))
    found = session.feed(Reply(id=request.id, answers=answers, figures=FIGURES))
    if not isinstance(found, SessionResult):  # asked again, and not answered
        found = session.feed(Reply(id=found[0].id, error=EngineError("lost")))
    assert isinstance(found, SessionResult)
    return describe(job_of(kind), media, found, EchoEngine().load(), RECIPE, COST, START)


def test_good_answers_are_recorded_unchanged() -> None:
    found = described(caption="A dog.", summary="A dog on a beach.\n\nIt runs.")
    assert found.answers == {"caption": "A dog.", "summary": "A dog on a beach.\n\nIt runs."}
    assert found.quality == Quality(verdict="ok", reasons=())


def test_the_record_names_each_answer_that_is_suspect_and_why_in_their_order() -> None:
    found = described(caption="A red car and " * 12, summary="The image shows a", complete=False)
    assert found.quality == Quality(
        verdict="suspect", reasons=("caption: loop", "caption: cut-off", "summary: cut-off")
    )
    assert found.record()["quality"]["reasons"][0] == "caption: loop"


def test_a_suspect_answer_is_kept() -> None:
    loop = "A red car and a red car and" * 12
    assert described(caption=loop).answers == {"caption": loop}


def test_special_tokens_and_preambles_are_removed() -> None:
    found = described(caption="Here's a caption: A dog.<end_of_utterance>", summary="A <image>dog.")
    assert found.answers == {"caption": "A dog.", "summary": "A dog."}
    assert found.quality == Quality(verdict="suspect", reasons=("summary: leaked-token",))


@pytest.mark.parametrize(("kind", "questions"), [(MediaKind.IMAGE, RECIPE.image), (MediaKind.VIDEO, RECIPE.video)])
def test_an_answer_is_checked_against_its_own_question(kind: MediaKind, questions: tuple[Question, ...]) -> None:
    prompts = {question.name: question.ask for question in questions}
    found = described(kind, complete=True, **{name: f"{ask} A dog." for name, ask in prompts.items()})
    assert found.answers == dict.fromkeys(prompts, "A dog.")
    assert found.quality.reasons == tuple(f"{name}: echo" for name in prompts)


def test_the_same_bytes_elsewhere_are_as_suspect_there() -> None:
    cached = described(caption="")
    elsewhere = replace(job_of(MediaKind.IMAGE), path=b"/inbox/copy.jpg")
    assert with_path_of(elsewhere, cached).quality == Quality(verdict="suspect", reasons=("caption: empty",))


def test_the_cost_joins_what_the_engine_and_the_worker_measured() -> None:
    stats = described(caption="A dog.").stats
    assert stats.seconds == {"queued": 0.5, "decode": 0.25, "generate": 2.0, "total": 3.0}
    assert stats.tokens_per_second == 15.0


def test_what_the_decoder_could_not_show_comes_before_the_answers_faults() -> None:
    result = SessionResult(answers={"caption": ""}, reasons=("caption: empty",), figures=FIGURES)
    media, info = description_of(new_file()).media, EchoEngine().load()
    found = describe(job_of(MediaKind.IMAGE), media, result, info, RECIPE, COST, START, ["damaged"])
    assert found.quality == Quality(verdict="suspect", reasons=("image: damaged", "caption: empty"))


def test_the_origin_of_the_engine_goes_with_the_description() -> None:
    media = description_of(new_file()).media
    result = SessionResult(answers={"caption": "A dog."}, reasons=(), figures=FIGURES)
    info = replace(EchoEngine().load(), weights="w", control="c")
    found = describe(job_of(MediaKind.IMAGE), media, result, info, RECIPE, COST, START)
    assert (found.model.weights, found.model.control) == ("w", "c")
    model = found.record()["model"]
    assert (model["weights"], model["control"]) == ("w", "c")
    assert not {"weights", "control"} & described(caption="A dog.").record()["model"].keys()
