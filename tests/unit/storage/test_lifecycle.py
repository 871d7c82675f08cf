from __future__ import annotations

from storage.lifecycle import FINAL, TRANSITIONS, JobState


def test_undescribed_and_republished_jobs_can_return_to_the_queue() -> None:
    assert {(before, after) for before, after in TRANSITIONS if before.is_final()} == {
        (JobState.FAILED, JobState.QUEUED),
        (JobState.SKIPPED, JobState.QUEUED),
        (JobState.GONE, JobState.QUEUED),
        (JobState.DONE, JobState.PUBLISHING),
    }


def test_every_state_can_be_reached_from_the_queue() -> None:
    reached = {JobState.QUEUED}
    while more := {after for before, after in TRANSITIONS if before in reached} - reached:
        reached |= more
    assert reached == set(JobState)


def test_every_state_leads_to_an_end() -> None:
    for state in set(JobState) - FINAL:
        assert any(before is state for before, _ in TRANSITIONS), state


def test_a_described_job_is_never_described_again() -> None:
    assert {after for before, after in TRANSITIONS if before is JobState.PUBLISHING} == {JobState.DONE}
