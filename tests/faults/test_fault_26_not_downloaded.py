"""Fault 26: a file is in the cloud only, and reading it would fetch it. Fake: only macOS has such files."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from daemon.errors import NotDownloadedError
from daemon.media.safe_open import DATALESS, check
from tests.fakes.readers import scripted
from tests.fakes.stats import on_mac
from tests.support.decoders import command_file, decode, decoding
from tests.support.intake_home import PNG, IntakeHome
from tests.support.waiting import wait_for


def test_it_waits_unread_until_it_is_here(intake_home: IntakeHome) -> None:
    intake_home.lstat = lambda path: on_mac(os.lstat(path), st_flags=DATALESS)
    (intake_home.inbox / "cloud.png").write_bytes(PNG)
    intake = intake_home.start()
    wait_for(lambda: intake_home.refused("cloud.png") == "not-downloaded")
    refusal = intake_home.library.refusal(os.fsencode(intake_home.inbox / "cloud.png"))
    assert refusal is not None
    assert refusal.reason.startswith("Waiting: not downloaded.")
    wait_for(lambda: intake.is_idle)
    assert intake_home.opened == []
    intake_home.lstat = os.lstat
    wait_for(lambda: intake_home.queued() == {"cloud.png"})


def test_a_placeholder_is_no_file_and_says_what_is_missing(intake_home: IntakeHome) -> None:
    (intake_home.inbox / ".beach.png.icloud").write_bytes(b"bplist00" + PNG)
    intake_home.start_and_settle()
    assert intake_home.refused(".beach.png.icloud") == "not-downloaded"
    assert intake_home.opened == []


def test_a_described_file_whose_bytes_went_to_the_cloud_stays_described(intake_home: IntakeHome) -> None:
    (intake_home.inbox / "x.png").write_bytes(PNG)
    intake_home.start_and_settle()
    intake_home.finish_all()
    intake_home.stop()
    intake_home.opened.clear()
    intake_home.lstat = lambda path: on_mac(os.lstat(path), st_flags=DATALESS)
    intake_home.start_and_settle()
    assert (intake_home.refused("x.png"), intake_home.opened, len(intake_home.jobs())) == ("", [], 1)


@pytest.mark.parametrize(("number", "code"), [(errno.EDEADLK, "not-downloaded"), (errno.EIO, "no-access")])
def test_a_read_that_the_system_refuses_costs_that_file_alone(
    intake_home: IntakeHome, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    """Its bytes go to the cloud between the look at it and the read: macOS says EDEADLK to whoever shall not fetch."""
    cloud = intake_home.inbox / "cloud.png"
    real, refuses = os.pread, [True]

    def pread(descriptor: int, length: int, place: int) -> bytes:
        if refuses and place == 0 and os.path.sameopenfile(descriptor, held):
            raise OSError(number, os.strerror(number))
        return real(descriptor, length, place)

    cloud.write_bytes(PNG)
    held = os.open(cloud, os.O_RDONLY)
    monkeypatch.setattr(os, "pread", pread)
    for name in ("a.png", "z.png"):
        (intake_home.inbox / name).write_bytes(PNG + name.encode())
    intake = intake_home.start_and_settle()
    assert intake_home.queued() == {"a.png", "z.png"}
    assert intake_home.refused("cloud.png") == code
    assert intake.status.problem == ""
    refuses.clear()
    intake_home.sweep_now()
    wait_for(lambda: "cloud.png" in intake_home.queued())
    os.close(held)


def test_a_decoder_whose_reads_are_refused_says_so_whatever_its_library_makes_of_it(tmp_path: Path) -> None:
    with decoding(scripted) as decoder, pytest.raises(NotDownloadedError) as refused:
        decode(decoder, command_file(tmp_path, "evicted"))
    assert refused.value.advice == NotDownloadedError.advice


def test_a_file_whose_bytes_went_while_it_was_queued_is_opened_but_not_read(intake_home: IntakeHome) -> None:
    path = intake_home.inbox / "x.png"
    path.write_bytes(PNG)
    with pytest.raises(NotDownloadedError):
        check(on_mac(path.stat(), st_flags=DATALESS), 1000, None)
