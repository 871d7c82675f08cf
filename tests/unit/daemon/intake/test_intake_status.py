"""When the intake's status is reported."""

from __future__ import annotations

from dataclasses import replace

from daemon.intake.intake_status import REPORT_SECONDS, StatusReporter
from storage.errors import StorageError
from storage.status.inbox_values import IntakeStatus

FIRST = IntakeStatus(inbox="default", settling=1)
SECOND = replace(FIRST, settling=0)


def test_a_change_within_the_interval_is_reported_after_it() -> None:
    reported: list[IntakeStatus] = []
    reporter = StatusReporter(reported.append)
    reporter.report_if_due(FIRST, 100)
    reporter.report_if_due(SECOND, 100 + REPORT_SECONDS / 2)
    assert (reported, reporter.is_behind) == ([FIRST], True)
    reporter.report_if_due(SECOND, 100 + REPORT_SECONDS)
    assert (reported, reporter.is_behind) == ([FIRST, SECOND], False)


def test_the_last_change_is_reported_at_once_and_only_once() -> None:
    reported: list[IntakeStatus] = []
    reporter = StatusReporter(reported.append)
    reporter.report_if_due(FIRST, 100)
    reporter.report_if_due(SECOND, 100.1)
    reporter.report_last(SECOND)
    reporter.report_last(SECOND)
    assert (reported, reporter.is_behind) == ([FIRST, SECOND], False)


def test_a_status_that_cannot_be_stored_is_reported_again() -> None:
    def fail(_: IntakeStatus) -> None:
        raise StorageError("The database is locked.", advice="Try again.")

    reporter = StatusReporter(fail)
    reporter.report_if_due(FIRST, 100)
    assert reporter.is_behind
    reporter.report_last(FIRST)
    assert reporter.is_behind
