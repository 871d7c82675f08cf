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
from tests.support.intake_home import PNG, IntakeHouse
from tests.support.waiting import wait_for


def test_it_waits_unread_until_it_is_here(intake_house: IntakeHouse) -> None:
    intake_house.lstat = lambda path: on_mac(os.lstat(path), st_flags=DATALESS)
    (intake_house.inbox / "cloud.png").write_bytes(PNG)
    intake = intake_house.start()
    wait_for(lambda: intake_house.refused("cloud.png") == "not-downloaded")
    refusal = intake_house.library.refusal(os.fsencode(intake_house.inbox / "cloud.png"))
    assert refusal is not None
    assert refusal.reason.startswith("Waiting: not downloaded.")
    wait_for(lambda: intake.is_idle)
    assert intake_house.opened == []
    intake_house.lstat = os.lstat
    wait_for(lambda: intake_house.queued() == {"cloud.png"})


def test_a_placeholder_is_no_file_and_says_what_is_missing(intake_house: IntakeHouse) -> None:
    (intake_house.inbox / ".beach.png.icloud").write_bytes(b"bplist00" + PNG)
    intake_house.start_and_settle()
    assert intake_house.refused(".beach.png.icloud") == "not-downloaded"
    assert intake_house.opened == []


def test_a_described_file_whose_bytes_went_to_the_cloud_stays_described(intake_house: IntakeHouse) -> None:
    (intake_house.inbox / "x.png").write_bytes(PNG)
    intake_house.start_and_settle()
    intake_house.finish_all()
    intake_house.stop()
    intake_house.opened.clear()
    intake_house.lstat = lambda path: on_mac(os.lstat(path), st_flags=DATALESS)
    intake_house.start_and_settle()
    assert (intake_house.refused("x.png"), intake_house.opened, len(intake_house.jobs())) == ("", [], 1)


@pytest.mark.parametrize(("number", "code"), [(errno.EDEADLK, "not-downloaded"), (errno.EIO, "no-access")])
def test_a_read_that_the_system_refuses_costs_that_file_alone(
    intake_house: IntakeHouse, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    """Its bytes go to the cloud between the look at it and the read: macOS says EDEADLK to whoever shall not fetch."""
    cloud = intake_house.inbox / "cloud.png"
    real, refuses = os.pread, [True]

    def pread(descriptor: int, length: int, place: int) -> bytes:
        if refuses and place == 0 and os.path.sameopenfile(descriptor, held):
            raise OSError(number, os.strerror(number))
        return real(descriptor, length, place)

    cloud.write_bytes(PNG)
    held = os.open(cloud, os.O_RDONLY)
    monkeypatch.setattr(os, "pread", pread)
    for name in ("a.png", "z.png"):
        (intake_house.inbox / name).write_bytes(PNG + name.encode())
    intake = intake_house.start_and_settle()
    assert intake_house.queued() == {"a.png", "z.png"}
    assert intake_house.refused("cloud.png") == code
    assert intake.status.problem == ""
    refuses.clear()
    intake_house.sweep_now()
    wait_for(lambda: "cloud.png" in intake_house.queued())
    os.close(held)


def test_a_decoder_whose_reads_are_refused_says_so_whatever_its_library_makes_of_it(tmp_path: Path) -> None:
    with decoding(scripted) as decoder, pytest.raises(NotDownloadedError) as refused:
        decode(decoder, command_file(tmp_path, "evicted"))
    assert refused.value.advice == NotDownloadedError.advice


def test_a_file_whose_bytes_went_while_it_was_queued_is_opened_but_not_read(intake_house: IntakeHouse) -> None:
    path = intake_house.inbox / "x.png"
    path.write_bytes(PNG)
    with pytest.raises(NotDownloadedError):
        check(on_mac(path.stat(), st_flags=DATALESS), 1000, None)
