"""Nothing leaves the machine: the whole program's system calls are watched, and none opens a socket to a network.

Only `model pull` and `add` may open one. What is opened besides are sockets within the machine, each named here.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from cli.samples import shipped_samples
from config.errors import NotFoundError
from config.load import load_settings, prepare_home
from config.settings import Settings
from daemon.lock import holder
from storage.db.database import open_database
from storage.errors import StorageError
from storage.library import Library
from storage.lifecycle import JobState
from storage.status.values import EngineStatus
from tests.support.checkout import ROOT
from tests.support.media.media_files import grey_frames, save_image, save_sound, save_video, some_image
from tests.support.waiting import wait_for

#: --seccomp-bpf: only the calls that are looked for cost time.
TRACE = "strace -f --seccomp-bpf -qq -s 200 -e trace=socket,socketpair,connect,io_uring_setup".split()
FAMILY = re.compile(r"socket(?:pair)?\((\w+)")
PEER = re.compile(r'connect\(\d+, \{sa_family=AF_UNIX, sun_path=@?"([^"]+)"')
#: libc asks this for the name of a user, where such a cache runs.
NAME_CACHE = {"/var/run/nscd/socket"}


@functools.cache
def can_trace() -> bool:
    """Whether there is a strace, and the system lets it watch."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run([*TRACE, "-o", "/dev/null", "true"], capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not can_trace(), reason="needs strace, and a system that lets it watch")


class Traced:
    """A home, and commands on it whose every process is watched."""

    def __init__(self, folder: Path, **environ: str) -> None:
        self._folder = folder
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("SMOLWATCH_", "HF_"))}
        own = {"SMOLWATCH_HOME": str(folder / "home"), "HF_HOME": str(folder / "hub"), "PYTHONPATH": str(ROOT)}
        self.environ = {**mine, **own, "SMOLWATCH_INBOX__SETTLE_SECONDS": "0.3", **environ}
        self.settings: Settings = load_settings(home=folder / "home", environ=self.environ)
        prepare_home(self.settings)
        self._traces: list[Path] = []

    def start(self, *command: str) -> subprocess.Popen[str]:
        trace = self._folder / f"{len(self._traces)}.trace"
        self._traces.append(trace)
        return subprocess.Popen(
            [*TRACE, "-o", str(trace), sys.executable, *command],
            env=self.environ,
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def smolwatch(self, *arguments: str) -> tuple[int, str]:
        process = self.start("-m", "cli.main", *arguments)
        output, _ = process.communicate(timeout=50)
        return process.returncode, output

    def calls(self) -> list[str]:
        return [line for trace in self._traces for line in trace.read_text(errors="replace").splitlines()]

    def families(self) -> set[str]:
        """The families of all sockets that were opened."""
        return {found[1] for line in self.calls() if (found := FAMILY.search(line))}

    def peers(self) -> set[str]:
        """Who was spoken to within the machine."""
        return {found[1] for line in self.calls() if (found := PEER.search(line))}

    def stays_within_the_machine(self) -> bool:
        rings = [line for line in self.calls() if "io_uring_setup(" in line]  # through one, calls would go unseen
        return self.families() <= {"AF_UNIX"} and self.peers() <= NAME_CACHE and not rings

    def states(self) -> list[JobState]:
        with closing(open_database(self.settings.database_file, read_only=True)) as database:
            return [job.state for job in Library(database).jobs(limit=100)]

    def engine(self) -> EngineStatus:
        """What the daemon last said of its engine; nothing before it made its database."""
        try:
            with closing(open_database(self.settings.database_file, read_only=True)) as database:
                return Library(database).status.engine()
        except (NotFoundError, StorageError):
            return EngineStatus()


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6"])
def test_the_watch_sees_a_socket_that_a_grandchild_opens(family: str, tmp_path: Path) -> None:
    traced = Traced(tmp_path)
    opening = f"import socket; socket.socket(socket.{family}).close()"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {opening!r}], check=True)"
    output, _ = traced.start("-c", child).communicate(timeout=30)
    assert output == ""
    assert family in traced.families()
    assert not traced.stays_within_the_machine()


def test_the_daemon_and_its_children_open_none_while_they_describe(tmp_path: Path) -> None:
    traced = Traced(tmp_path, SMOLWATCH_MODEL__ID="demo")
    for sample in shipped_samples():
        shutil.copy(sample.file, traced.settings.inbox_path)
    code, output = traced.smolwatch("run", "--once")
    assert code == 0, output
    assert traced.states() == [JobState.DONE] * 12
    assert "AF_UNIX" in traced.families()  # the decoder's; so it was watched, too
    assert traced.stays_within_the_machine(), traced.calls()


def test_files_that_name_a_server_and_the_commands_that_read_open_none(tmp_path: Path) -> None:
    traced = Traced(tmp_path, SMOLWATCH_MODEL__ENGINE="echo")
    inbox = traced.settings.inbox_path
    save_image(inbox / "beach.png", some_image())
    save_video(inbox / "film.mp4", grey_frames(24))
    save_sound(inbox / "sound.mp4")
    (inbox / "list.mp4").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"
    )
    (inbox / "concat.mp4").write_text("ffconcat version 1.0\nfile http://127.0.0.1:9/a.mp4\n")
    assert traced.smolwatch("run", "--once")[0] in {0, 1}
    assert traced.states().count(JobState.DONE) == 2
    beach = str(inbox / "beach.png")
    for line in ("status --json", "ls", "show 1", "retry 1", "model list", "db check", "db backup", "rescan"):
        traced.smolwatch(*line.split())
    assert traced.smolwatch("why", beach)[0] == 0
    assert traced.stays_within_the_machine(), traced.calls()


def test_without_weights_nobody_looks_for_them_on_the_hub_unasked(tmp_path: Path) -> None:
    traced = Traced(tmp_path)
    daemon = traced.start("-m", "cli.main", "run")
    try:
        wait_for(lambda: traced.engine().state not in ("", "starting", "restarting", "loading"), 30, every=0.2)
        assert "smolwatch model pull" in traced.smolwatch("status")[1]
        assert traced.smolwatch("rescan")[0] == 0
    finally:
        if pid := holder(traced.settings.lock_file):
            os.kill(pid, signal.SIGTERM)
        daemon.communicate(timeout=20)
    assert traced.stays_within_the_machine(), traced.calls()
