"""Fault 22: pipes, sockets, devices and folders with the names of pictures. Real."""

from __future__ import annotations

import os
import socket
import stat
import time
from contextlib import suppress
from pathlib import Path

import pytest

from daemon.errors import MediaError
from daemon.intake.identity import identify
from storage.records import Fingerprint
from tests.support.intake_home import PNG, IntakeHome
from tests.support.waiting import wait_for


@pytest.fixture
def odd(tmp_path: Path) -> list[str]:
    """The names of a pipe, a socket, and where root is there a device, in the inbox."""
    inbox = tmp_path / "home" / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    os.mkfifo(inbox / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as one:
        here = Path.cwd()
        os.chdir(inbox)  # a socket's path may not be long
        try:
            one.bind("socket.jpg")
        finally:
            os.chdir(here)
    names = ["pipe.jpg", "socket.jpg"]
    with suppress(PermissionError):
        os.mknod(inbox / "device.jpg", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        names.append("device.jpg")
    return names


def test_each_is_skipped_with_a_reason_and_a_folder_is_entered(intake_home: IntakeHome, odd: list[str]) -> None:
    (intake_home.inbox / "folder.jpg").mkdir()
    (intake_home.inbox / "folder.jpg" / "x.png").write_bytes(PNG)
    intake_home.start_and_settle()
    assert intake_home.queued() == {"folder.jpg/x.png"}
    assert [intake_home.refused(name) for name in odd] == ["not-regular"] * len(odd)
    os.mkfifo(intake_home.inbox / "later.jpg")
    wait_for(lambda: intake_home.refused("later.jpg") == "not-regular")


def test_opening_one_never_blocks(odd: list[str], intake_home: IntakeHome) -> None:
    for name in [*odd, "."]:
        path = os.fsencode(intake_home.inbox / name)
        began = time.monotonic()
        with pytest.raises(MediaError) as refused:
            identify(path, Fingerprint.of(os.lstat(path)), max_bytes=10**6)
        assert time.monotonic() - began < 0.05
        assert refused.value.code == "not-regular"
