"""What the engine without a model says."""

from __future__ import annotations

from daemon.inference.echo_engine import EchoEngine
from tests.contracts.test_engine import picture, replies, video


def test_a_picture_s_answers_are_its_size() -> None:
    (reply,) = replies(EchoEngine(), [picture("a", size=(640, 480))])
    assert {answer.text for answer in reply.answers.values()} == {"A picture of 640x480."}


def test_a_video_s_answers_are_its_length_and_frames() -> None:
    (reply,) = replies(EchoEngine(), [video("v", 3)])
    assert reply.answers["caption"].text == "A video of 3.0 seconds, 3 frames of 80x50."


def test_no_more_requests_than_it_has_rows_are_answered_in_a_step() -> None:
    engine = EchoEngine(rows=2)
    for id in "abc":
        engine.submit(picture(id))
    assert [[reply.id for reply in engine.step()] for _ in range(3)] == [["a", "b"], ["c"], []]
