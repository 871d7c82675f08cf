"""Fault 27: a file's permissions (EACCES) or macOS's privacy settings (EPERM) keep smolwatch out. Real for EACCES.

Fake for EPERM: only macOS answers so.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from daemon.errors import MediaError
from daemon.intake.identity import identify
from daemon.media.safe_open import media_error, open_checked
from storage.db.database import open_database
from storage.library import Library
from storage.records import Fingerprint, NewFile
from tests.support.intake_home import PNG, IntakeHome, intake_process
from tests.support.waiting import wait_for

NOBODY = 65534
WAYS_IN = {1: "System Settings > Privacy & Security > Files and Folders", 13: "Check the permissions of the file"}


@pytest.fixture
def locked() -> Iterator[Path]:
    """A file that its owner locked, in folders that everybody may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "locked.png"
        path.write_bytes(PNG)
        path.chmod(0)
        yield path


def opened_by_nobody(path: Path) -> str:
    """What a user without rights gets: "code: message advice"."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setuid(NOBODY)
            os.close(open_checked(os.fsencode(path), max_bytes=1000))
            os.write(writer, b"opened")
        except MediaError as error:
            os.write(writer, f"{error.code}: {error} {error.advice}".encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        result = pipe.read()
    os.waitpid(child, 0)
    return result


def test_a_locked_file_is_reported_with_advice(locked: Path) -> None:
    result = opened_by_nobody(locked)
    assert result.startswith("no-access: Reading the file is not permitted. Check the permissions of the file")
    locked.chmod(0o644)
    assert opened_by_nobody(locked) == "opened"


@pytest.mark.parametrize("number", [1, 13])
def test_the_refusal_names_what_denies_access_and_the_file_is_admitted_once_it_is_allowed(
    intake_home: IntakeHome, number: int
) -> None:
    def kept_out(path: bytes, settled: Fingerprint, *, max_bytes: int) -> NewFile:
        raise media_error(PermissionError(number, os.strerror(number)))

    intake_home.identify = kept_out
    (intake_home.inbox / "x.png").write_bytes(PNG)
    intake_home.start()
    wait_for(lambda: intake_home.refused("x.png") == "no-access")
    refusal = intake_home.library.refusal(os.fsencode(intake_home.inbox / "x.png"))
    assert refusal is not None
    assert WAYS_IN[number] in refusal.reason
    assert WAYS_IN[14 - number] not in refusal.reason
    assert intake_home.jobs() == []
    intake_home.identify = identify
    intake_home.sweep_now()
    wait_for(lambda: intake_home.queued() == {"x.png"})
    assert intake_home.refused("x.png") == ""


@pytest.mark.parametrize("number", [1, 13])
def test_a_folder_that_cannot_be_listed_is_reported_likewise_and_nothing_in_it_is_gone(
    intake_home: IntakeHome, number: int
) -> None:
    (intake_home.inbox / "kept").mkdir()
    (intake_home.inbox / "kept" / "x.png").write_bytes(PNG)
    intake_home.start_and_settle()
    intake_home.stop()

    def scan(folder: bytes):  # type: ignore[no-untyped-def]
        if folder.endswith(b"/kept"):
            raise PermissionError(number, os.strerror(number))
        return os.scandir(folder)

    intake_home.run(intake_home.make(scan=scan))
    wait_for(lambda: intake_home.refused("kept") == "no-access")
    refusal = intake_home.library.refusal(os.fsencode(intake_home.inbox / "kept"))
    assert refusal is not None
    assert WAYS_IN[number] in refusal.reason
    assert [str(job.state) for job in intake_home.jobs()] == ["queued"]


@pytest.fixture
def home_of_a_user() -> Iterator[Path]:
    """A home of a user without rights, whom permissions keep out; root itself is kept out by nothing."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        (home / "inbox").mkdir(parents=True)
        if os.geteuid() == 0:
            for path in (Path(folder), home, home / "inbox"):
                os.chown(path, NOBODY, NOBODY)
        yield home


def as_user() -> list[str]:
    """What is put before the command line of a process so that permissions count."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root is kept out by nothing, and setpriv is not installed")
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def test_a_permission_that_is_given_back_is_noticed_within_seconds_in_a_real_process(home_of_a_user: Path) -> None:
    inbox = home_of_a_user / "inbox"
    locked, folder = inbox / "locked.png", inbox / "kept"
    (folder / "deep").mkdir(parents=True)
    for file in (locked, folder / "inside.png", folder / "deep" / "below.png"):
        file.write_bytes(PNG + file.name.encode())
    for path in (locked, folder):
        path.chmod(0)
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
    with (
        intake_process(home_of_a_user, before=as_user()),
        closing(open_database(home_of_a_user / "data" / "smolwatch.db", read_only=True)) as database,
    ):
        library = Library(database)

        def queued() -> set[str]:
            return {os.path.relpath(job.file, inbox.resolve()) for job in library.jobs()}

        wait_for(lambda: set(library.refused_paths()) == {bytes(locked.resolve()), bytes(folder.resolve())})
        assert queued() == set()
        for path in (locked, folder):
            path.chmod(0o755)
        expected = {"locked.png", "kept/inside.png", "kept/deep/below.png"}
        wait_for(lambda: queued() == expected)
        for name in ("kept/later.png", "kept/deep/later.png"):
            (inbox / name).write_bytes(PNG + name.encode())
        wait_for(lambda: queued() == expected | {"kept/later.png", "kept/deep/later.png"})
        assert library.refused_paths() == []


@pytest.mark.skipif(
    sys.platform != "linux", reason="tested with inotify; which permission changes FSEvents reports was never observed"
)
def test_a_permission_that_is_given_back_is_noticed_without_a_listing(intake_home: IntakeHome) -> None:
    locked, folder = intake_home.inbox / "locked.png", intake_home.inbox / "kept"
    folder.mkdir()
    for file in (locked, folder / "inside.png"):
        file.write_bytes(PNG + file.name.encode())
    is_locked = True

    def kept_out(path: bytes, settled: Fingerprint, *, max_bytes: int) -> NewFile:
        if is_locked:
            raise media_error(PermissionError(13, os.strerror(13)))
        return identify(path, settled, max_bytes=max_bytes)

    def scan(path: bytes):  # type: ignore[no-untyped-def]
        if is_locked and path.endswith(b"/kept"):
            raise PermissionError(13, os.strerror(13))
        return os.scandir(path)

    intake_home.identify = kept_out
    intake_home.run(intake_home.make(scan=scan))
    wait_for(lambda: intake_home.refused("kept") == intake_home.refused("locked.png") == "no-access")
    is_locked = False
    for path in (locked, folder):
        path.chmod(0o700)
    wait_for(lambda: intake_home.queued() == {"locked.png", "kept/inside.png"})
