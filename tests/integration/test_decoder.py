"""The decoder with a real process behind it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from daemon.errors import (
    ChangedError,
    DecoderCrashedError,
    DecoderMissingError,
    GoneError,
    NotAllowedError,
    NotRegularError,
    UnreadableError,
)
from daemon.media.decoder import decoder as decoder_module
from daemon.media.decoder import decoder_process
from daemon.media.decoder.decoder import Decoder
from daemon.media.decoder.decoder_child import EnterSandbox
from storage.lifecycle import Cause
from storage.records import Fingerprint
from tests.fakes.readers import exit_at_start, never_ready, no_sandbox, scripted
from tests.support.checkout import ROOT
from tests.support.clips import plan
from tests.support.decoders import command_file, decode, decoding, is_running, pid_of, reader_message
from tests.support.media.media_files import frame_number, grey_frames, save_image, save_video, some_image
from tests.support.waiting import wait_for


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    with decoding(scripted) as made:
        yield made


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return save_image(tmp_path / "photo.png", some_image(1, (64, 48)))


def gone_within(pid: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while is_running(pid):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def test_pictures_and_videos_come_back_whole(photo: Path, tmp_path: Path) -> None:
    with decoding() as decoder:
        picture = decode(decoder, photo)
        film = decode(decoder, save_video(tmp_path / "film.webm", grey_frames(24)))
    assert np.array_equal(picture.pictures[0], np.asarray(some_image(1, (64, 48))))
    assert (picture.media.format, picture.is_video, picture.timestamps) == ("png", False, ())
    assert [frame_number(frame) for frame in film.pictures] == [0, 11, 23]
    assert (film.timestamps, film.media.seconds, film.is_video) == ((0.0, 1.375, 2.875), 3.0, True)


def test_an_error_of_the_file_is_reported_and_the_process_stays(decoder: Decoder, photo: Path, tmp_path: Path) -> None:
    before = pid_of(decoder, tmp_path)
    with pytest.raises(NotAllowedError):
        decode(decoder, command_file(tmp_path, "hello"))
    with pytest.raises(UnreadableError, match=r"^The file is damaged or incomplete\.$") as raised:
        decode(decoder, command_file(tmp_path, "raise"))
    assert raised.value.detail == "ZeroDivisionError: a reader's own mistake"
    assert decode(decoder, photo).media.width == 64
    assert pid_of(decoder, tmp_path) == before


def test_a_process_that_died_between_two_files_is_replaced(decoder: Decoder, photo: Path, tmp_path: Path) -> None:
    pid = pid_of(decoder, tmp_path)
    os.kill(pid, signal.SIGKILL)
    # A zombie whose threads are still dying is not yet one that can be waited for.
    wait_for(lambda: pid not in {child.pid for child in multiprocessing.active_children()})
    assert decode(decoder, photo).media.width == 64


def test_an_unrequested_answer_is_an_error(decoder: Decoder, photo: Path, tmp_path: Path) -> None:
    with pytest.raises(DecoderCrashedError, match="invalid reply"):
        decode(decoder, command_file(tmp_path, "lie"))
    assert decode(decoder, photo).media.width == 64


def test_what_is_no_file_any_more_never_hangs(decoder: Decoder, photo: Path, tmp_path: Path) -> None:
    expected = Fingerprint.of(photo.stat())
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    for path, error in ((pipe, NotRegularError), (tmp_path / "missing.jpg", GoneError)):
        with pytest.raises(error):
            decoder.open(os.fsencode(path), expected, plan(seconds=10))


def test_a_file_that_changed_is_not_described(decoder: Decoder, photo: Path) -> None:
    expected = Fingerprint.of(photo.stat())
    save_image(photo, some_image(2, (80, 80)))
    with pytest.raises(ChangedError):
        decoder.open(os.fsencode(photo), expected, plan())


def test_a_file_that_changes_while_it_is_read_is_not_blamed(tmp_path: Path) -> None:
    with decoding(scripted, no_sandbox) as decoder, pytest.raises(ChangedError):
        decode(decoder, command_file(tmp_path, "touch"))


def test_the_process_is_renewed_after_so_many_files(
    decoder: Decoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_module, "FILES_PER_PROCESS", 2)
    monkeypatch.setattr(decoder_module, "MIN_PROCESS_SECONDS", 0.0)
    monkeypatch.setattr(decoder_module, "START_AHEAD_FILES", 1)
    pids = [pid_of(decoder, tmp_path) for _ in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]


def test_small_files_by_the_hundred_do_not_have_it_renewed_all_the_time(
    decoder: Decoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_module, "FILES_PER_PROCESS", 2)
    monkeypatch.setattr(decoder_module, "START_AHEAD_FILES", 1)
    monkeypatch.setattr(decoder_module, "MIN_PROCESS_SECONDS", 1000.0)
    first, *more = [pid_of(decoder, tmp_path) for _ in range(4)]
    assert more == [first] * 3
    monkeypatch.setattr(decoder_module, "MIN_PROCESS_SECONDS", 0.0)
    assert [pid_of(decoder, tmp_path) for _ in range(2)] == [first] * 2, "while the next one is made ready"
    assert pid_of(decoder, tmp_path) != first


def test_a_process_that_keeps_what_it_took_is_renewed(
    decoder: Decoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_process, "LEAK_BYTES", 120 * 1024**2)
    leak = command_file(tmp_path, "leak")
    pids = [reader_message(decoder, leak).split()[0] for _ in range(4)]
    assert pids[0] == pids[1] == pids[2] != pids[3]


def test_the_next_process_is_ready_before_the_last_is_used_up(
    decoder: Decoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_module, "FILES_PER_PROCESS", 3)
    monkeypatch.setattr(decoder_module, "MIN_PROCESS_SECONDS", 0.0)
    monkeypatch.setattr(decoder_module, "START_AHEAD_FILES", 2)
    first = pid_of(decoder, tmp_path)
    known = {child.pid for child in multiprocessing.active_children()}
    assert len(known) == 2
    assert [pid_of(decoder, tmp_path) for _ in range(2)] == [first, first]
    assert {pid_of(decoder, tmp_path), first} == known


@pytest.mark.parametrize(
    ("lock", "words"), [(exit_at_start, "cannot be started. exit code 4"), (never_ready, "did not start within")]
)
def test_a_process_that_never_comes_up_is_no_files_fault(
    photo: Path, monkeypatch: pytest.MonkeyPatch, lock: EnterSandbox, words: str
) -> None:
    monkeypatch.setattr(decoder_process, "START_SECONDS", 2.0)
    with decoding(scripted, lock) as decoder, pytest.raises(DecoderMissingError) as raised:
        decode(decoder, photo)
    assert words in f"{raised.value} {raised.value.detail}"
    assert raised.value.cause is Cause.ENVIRONMENT


def test_a_process_that_is_killed_while_it_starts_is_replaced_at_once(decoder: Decoder, tmp_path: Path) -> None:
    decoder._live_process()
    (started,) = multiprocessing.active_children()
    started.kill()
    assert pid_of(decoder, tmp_path) != started.pid


def test_a_process_that_is_frozen_while_it_starts_is_replaced(
    decoder: Decoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_process, "START_SECONDS", 12.0)
    decoder._live_process()
    (started,) = multiprocessing.active_children()
    assert started.pid is not None
    os.kill(started.pid, signal.SIGSTOP)
    assert pid_of(decoder, tmp_path) != started.pid
    assert not is_running(started.pid)


def test_the_process_has_little_to_do_harm_with(decoder: Decoder, photo: Path, tmp_path: Path) -> None:
    decode(decoder, photo)
    decode(decoder, save_video(tmp_path / "a.mp4", grey_frames(8)))
    assert reader_message(decoder, command_file(tmp_path, "self")).split(" ", 1)[1] == "core=(0, 0) files=[] heavy=[]"


def test_ctrl_c_does_not_reach_the_process(decoder: Decoder, tmp_path: Path) -> None:
    pid = pid_of(decoder, tmp_path)
    os.kill(pid, signal.SIGINT)
    assert pid_of(decoder, tmp_path) == pid


def test_closing_ends_the_process(decoder: Decoder, tmp_path: Path) -> None:
    pid = pid_of(decoder, tmp_path)
    decoder.close()
    assert not is_running(pid)


PARENT = """
import os, sys, threading, time
import psutil
from daemon.media.decoder.decoder import Decoder
from storage.records import Fingerprint
from tests.fakes.readers import scripted
from tests.support.waiting import wait_for
from tests.support.clips import plan

if __name__ == "__main__":
    path = sys.argv[1]
    work = lambda: Decoder(read=scripted).open(os.fsencode(path), Fingerprint.of(os.stat(path)), plan())
    threading.Thread(target=work, daemon=True).start()
    while not (found := [p for p in psutil.Process().children() if "spawn_main" in " ".join(p.cmdline())]):
        time.sleep(0.01)
    print(found[0].pid, flush=True)
    time.sleep(600)
"""


def test_the_process_goes_with_its_parent_even_in_the_middle_of_a_file(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    command = [sys.executable, str(script), str(command_file(tmp_path, "deaf"))]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        time.sleep(1.5)  # so that it is asleep in the file rather than still starting
        parent.kill()
        parent.wait()
    assert gone_within(pid, 5)
