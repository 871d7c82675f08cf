"""Fault 19: a file is renamed in case alone. Real; and with a fake listing, as a Mac's disk finds both names."""

from __future__ import annotations

import os

from daemon.clock import SystemClock
from daemon.intake.admit_result import AdmitResult
from daemon.intake.admitter import Admitter
from daemon.intake.moves import Moves
from storage.records import Fingerprint
from tests.support.disk_names import counts_case
from tests.support.files import MODEL, SPEC
from tests.support.intake_home import PNG, IntakeHome
from tests.support.waiting import wait_for


def test_it_makes_no_second_job(intake_home: IntakeHome) -> None:
    (intake_home.inbox / "Beach.png").write_bytes(PNG)
    intake = intake_home.start_and_settle()
    (before,) = intake_home.jobs()
    (intake_home.inbox / "Beach.png").rename(intake_home.inbox / "beach.png")
    for name in ("Beach.png", "beach.png"):  # FSEvents says "created" of both
        intake.recheck(os.fsencode(intake_home.inbox / name))
    wait_for(lambda: intake_home.queued() == {"beach.png"})
    wait_for(lambda: intake.is_idle)
    (after,) = intake_home.jobs()
    assert after.id == before.id


def test_on_a_disk_that_finds_both_names_the_listed_one_counts(intake_home: IntakeHome) -> None:
    old, new = (os.path.join(intake_home.root, name) for name in (b"Beach.png", b"beach.png"))
    (intake_home.inbox / "Beach.png").write_bytes(PNG)
    admitter = Admitter(
        intake_home.store,
        intake_home.library,
        SystemClock(),
        spec_of=lambda _: SPEC,
        model=MODEL,
        max_attempts=3,
        max_bytes=1000,
        moves=Moves(intake_home.store, intake_home.library, names=lambda folder: [b"beach.png"]),
    )
    fingerprint = Fingerprint.of(os.lstat(old))
    assert admitter.admit_all({old: fingerprint}) == {old: AdmitResult.QUEUED}
    if counts_case(intake_home.inbox):
        os.link(old, new)
    assert os.lstat(old).st_ino == os.lstat(new).st_ino, "both names lead to the one file"
    assert admitter.admit_all({new: fingerprint}) == {new: AdmitResult.KNOWN}
    assert admitter.admit_all({old: fingerprint}) == {old: AdmitResult.GONE}
    (job,) = intake_home.jobs()
    assert job.path == new
