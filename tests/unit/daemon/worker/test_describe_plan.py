"""Questions with a bad answer are asked once more, in sessions whose replies are scripted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.recipes import Question, Recipe, Sampling
from daemon.errors import EngineError
from daemon.inference.answers.checks import judge
from daemon.inference.engine import Answer, Figures, Reply, Request
from daemon.inference.reask_policy import RETRY_SAMPLING, severity
from daemon.inference.sampling_params import GREEDY, SamplingParams
from daemon.media.clip import Clip
from daemon.worker.describe_plan import DescribePlan
from daemon.worker.describe_session import CheckedAnswer, DescribeSession, SessionResult
from daemon.worker.questions import filled_recipe
from storage.description import Media
from storage.records import MediaKind
from tests.support.files import claim_of

CAPTION = Question(name="caption", ask="Describe this image in one sentence.", tokens=64)
SUMMARY = Question(name="summary", ask="Describe this image in detail.", tokens=192)
FILM = Question(name="caption", ask="Describe this video in one sentence.", tokens=64)
RECIPE = Recipe(name="test", version=1, image=(CAPTION, SUMMARY), video=(FILM,))
PICTURE = np.zeros((4, 6, 3), np.uint8)
CLIP = Clip(media=Media(kind=MediaKind.IMAGE, format="png", width=6, height=4), pictures=(PICTURE,), timestamps=(0.0,))
GOOD, LOOP = "A dog on a beach.", "a red car and " * 12
TEXTS = (GOOD, "A dog. It runs.", "", LOOP, "A dog on a", "A dog<|im_start|>on a beach.", CAPTION.ask)


def answered(text: str, tokens: int = 10, *, complete: bool = True) -> Answer:
    return Answer(text=text, tokens=tokens, complete=complete)


def reply(seconds: dict[str, float] | None = None, *, cold: bool = False, rows: int = 2, **answers: Answer) -> Reply:
    figures = Figures(
        seconds=seconds or {"generate": 1.0},
        tokens_in=100 * len(answers),
        tokens_out=sum(answer.tokens for answer in answers.values()),
        batch_rows=rows,
        device_memory_bytes=1000 * rows,
        cold_start=cold,
        cache_bytes=10 * rows,
    )
    return Reply(id="", answers=answers, figures=figures, image_features=f"features for {', '.join(answers)}")


def described(*replies: Reply) -> tuple[SessionResult, list[Request]]:
    """The result after exactly these replies, and all requests."""
    session = DescribeSession(DescribePlan("7.1", RECIPE))
    requests = session.start(CLIP)
    for number, given_reply in enumerate(replies):
        found = session.feed(replace(given_reply, id=requests[number].id))
        if isinstance(found, SessionResult):
            assert number == len(replies) - 1
            return found, requests
        requests += found
    raise AssertionError("the session needs more replies")


def test_a_picture_s_first_request_has_all_its_questions_and_no_times() -> None:
    (request,) = DescribePlan("7.1", RECIPE).start(CLIP)
    assert request == Request(id="7.1:first", pictures=(PICTURE,), questions=(CAPTION, SUMMARY))


@pytest.mark.parametrize(("length", "seconds"), [(2.5, 2.5), (None, 0.0)])
def test_a_video_s_first_request_has_its_times_and_its_length(length: float | None, seconds: float) -> None:
    media = Media(kind=MediaKind.VIDEO, format="mp4", width=6, height=4, seconds=length)
    clip = Clip(media=media, pictures=(PICTURE, PICTURE), timestamps=(0.0, 1.5))
    (request,) = DescribePlan("7.1", RECIPE).start(clip)
    assert (request.questions, request.timestamps, request.seconds) == ((FILM,), (0.0, 1.5), seconds)
    assert len(request.pictures) == 2


def test_a_good_reply_is_the_result() -> None:
    good = reply(caption=answered(GOOD), summary=answered("A dog. It runs."))
    found, requests = described(good)
    assert found.answers == {"caption": GOOD, "summary": "A dog. It runs."}
    assert found.reasons == ()
    assert found.figures is good.figures
    assert len(requests) == 1


def test_only_the_bad_answer_s_question_is_asked_again_with_the_same_image_features() -> None:
    first = reply(caption=answered(LOOP), summary=answered("A dog. It runs."))
    found, (request, again) = described(first, reply(caption=answered(GOOD)))
    assert again.questions == (CAPTION,)
    assert again.sampling == {"caption": RETRY_SAMPLING}
    assert again.image_features == first.image_features
    assert again.pictures is request.pictures
    assert (request.id, again.id) == ("7.1:first", "7.1:reask")
    assert found.answers == {"caption": GOOD, "summary": "A dog. It runs."}
    assert list(found.answers) == ["caption", "summary"], "in the order of the questions"
    assert found.reasons == ()


def test_every_question_is_retried_in_its_own_way() -> None:
    _, (_, again) = described(
        reply(caption=answered(LOOP), summary=answered("A dog on a", complete=False)),
        reply(caption=answered(GOOD), summary=answered("A dog on a beach, running.")),
    )
    assert again.questions == (CAPTION, replace(SUMMARY, tokens=384))
    assert again.sampling == {"caption": RETRY_SAMPLING, "summary": GREEDY}


def test_no_question_is_asked_three_times() -> None:
    found, requests = described(
        reply(caption=answered(LOOP), summary=answered(GOOD)), reply(caption=answered("", complete=False))
    )
    assert len(requests) == 2
    assert found.answers["caption"] == LOOP.strip(), "the less severe of the two"
    assert found.reasons == ("caption: loop",), "and only its faults"


def test_answers_are_cleaned() -> None:
    found, _ = described(reply(caption=answered("Here's a caption: A dog.<end_of_utterance>"), summary=answered(GOOD)))
    assert found.answers["caption"] == "A dog."


def test_the_figures_of_both_replies_are_added() -> None:
    found, _ = described(
        reply({"vision": 2.0, "generate": 1.0}, caption=answered(LOOP, 64), summary=answered(GOOD, 8), cold=True),
        reply({"vision": 0.0, "prefill": 0.5, "generate": 3.0}, rows=5, caption=answered(GOOD, 9)),
    )
    assert found.figures == Figures(
        seconds={"vision": 2.0, "generate": 4.0, "prefill": 0.5},
        tokens_in=300,
        tokens_out=64 + 8 + 9,
        batch_rows=5,
        device_memory_bytes=5000,
        cold_start=True,
        cache_bytes=50,
    )


def test_an_error_in_the_second_reply_keeps_the_first() -> None:
    first = reply(caption=answered(LOOP), summary=answered(GOOD))
    found, _ = described(first, Reply(id="", error=EngineError("out of memory")))
    assert found.answers == {"caption": LOOP.strip(), "summary": GOOD}
    assert found.reasons == ("caption: loop",)
    assert found.figures is first.figures


def test_an_error_is_not_asked_again() -> None:
    with pytest.raises(EngineError, match="out of memory"):
        described(Reply(id="", error=EngineError("out of memory")))


def test_a_recipe_without_questions_has_a_request_and_no_answers() -> None:
    session = DescribeSession(DescribePlan("7.1", replace(RECIPE, image=())))
    (request,) = session.start(CLIP)
    found = session.feed(replace(reply(), id=request.id))
    assert isinstance(found, SessionResult)
    assert (found.answers, found.reasons) == ({}, ())


ANSWERS = st.builds(answered, st.sampled_from(TEXTS), complete=st.booleans())


@given(first=ANSWERS, second=ANSWERS, is_failing=st.booleans())
def test_the_answer_that_is_kept_is_never_worse_than_either(first: Answer, second: Answer, is_failing: bool) -> None:
    session = DescribeSession(DescribePlan("7.1", replace(RECIPE, image=(CAPTION,))))
    (request,) = session.start(CLIP)
    found = session.feed(replace(reply(caption=first), id=request.id))
    assert isinstance(found, SessionResult) == (judge(first, CAPTION.ask) == ())
    answers = [first]
    if not isinstance(found, SessionResult):
        (again,) = found
        second_reply = Reply(id=again.id, error=EngineError("lost")) if is_failing else reply(caption=second)
        answers += [] if is_failing else [second]
        found = session.feed(replace(second_reply, id=again.id))
        assert isinstance(found, SessionResult)
    kept = [reason.removeprefix("caption: ") for reason in found.reasons]
    assert severity(tuple(kept)) == min(severity(judge(answer, CAPTION.ask)) for answer in answers)


def test_the_first_request_has_its_recipe_s_questions_sampling_and_system_prompt() -> None:
    strict = replace(SUMMARY, sampling=Sampling(repetition_penalty=1.2))
    recipe = replace(RECIPE, image=(CAPTION, strict), system="Be brief.")
    [request] = DescribePlan("1.1", recipe).start(CLIP)
    assert (request.questions, request.system) == ((CAPTION, strict), "Be brief.")
    assert request.sampling == {"summary": SamplingParams(repetition_penalty=1.2)}, "the others are greedy"


def test_an_answer_that_breaks_a_rule_of_its_question_is_kept_and_marked() -> None:
    strict = replace(CAPTION, max_characters=20, avoid=("image of",))
    plan = DescribePlan("1.1", replace(RECIPE, image=(strict,)))
    [request] = plan.start(CLIP)
    text = "An image of a dog on a beach."
    assert plan.feed(replace(reply(caption=answered(text)), id=request.id)) == []
    assert plan.answers() == {"caption": CheckedAnswer(text=text, faults=("too-long", "opening"))}


def test_a_question_with_the_file_s_name_is_removed_from_the_answer_as_it_was_asked() -> None:
    asked = replace(CAPTION, ask="What can be seen in {name}?")
    job = replace(claim_of(1).job, path=b"/inbox/Beach/IMG 1.jpg")
    plan = DescribePlan("1.1", filled_recipe(job, replace(RECIPE, image=(asked,), context=("name",))))
    [request] = plan.start(CLIP)
    plan.feed(replace(reply(caption=answered("What can be seen in IMG 1? A dog.")), id=request.id))
    assert plan.answers()["caption"].text == "A dog."
