from __future__ import annotations

from storage.lifecycle import ARROWS, FINAL, JobState


def test_only_jobs_that_failed_or_were_skipped_come_back_from_the_end() -> None:
    assert {(before, after) for before, after in ARROWS if before.is_final()} == {
        (JobState.FAILED, JobState.QUEUED),
        (JobState.SKIPPED, JobState.QUEUED),
    }


def test_every_state_can_be_reached_from_the_queue() -> None:
    reached = {JobState.QUEUED}
    while more := {after for before, after in ARROWS if before in reached} - reached:
        reached |= more
    assert reached == set(JobState)


def test_every_state_leads_to_an_end() -> None:
    for state in set(JobState) - FINAL:
        assert any(before is state for before, _ in ARROWS), state


def test_a_described_job_is_never_described_again() -> None:
    assert {after for before, after in ARROWS if before is JobState.PUBLISHING} == {JobState.DONE}
