"""Fault 23: names with newline, ESC, direction marks, a dash in front, `q%03d.jpg`, `http:x.mp4`, `a|b.jpg`. Real."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.safe_text import safe_text
from storage.lifecycle import JobState
from tests.support.checkout import ROOT
from tests.support.disk_names import that_can_be_named
from tests.support.media.media_files import grey_frames, save_image, save_video, some_image
from tests.support.processes import DaemonHome

PICTURES = [
    b"new\nline 2026-11-24T09:00:00.000Z INFO    daemon[1] forged.jpg",
    b"\x1b[31mred\x1b]0;title\x07.jpg",
    b"\x9b31m.jpg",
    "gpj.\u202eexe.jpg".encode(),
    b"-rf",
    b"--help.jpg",
    b"q%03d.jpg",
    b"a|b.jpg",
    b"bad\xff\xfe.jpg",
    b"<script>alert(1)<%2fscript>.jpg",
    b"](x) `y` ![z](q).jpg",
    b"=cmd().jpg",
    b" lead and trail .jpg ",
]
VIDEOS = [b"http:x.mp4", b"concat:a|b.mp4"]
NAMES = [*PICTURES, *VIDEOS]
NO_TEXT = {b"\x9b31m.jpg", b"bad\xff\xfe.jpg"}
#: What must never reach a terminal, a log or a Markdown file as it is; lines end in \n alone.
STEERS = set("\x1b\x07\x9b\u202e\r\x7f")


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Those of the names that the disk takes."""
    return that_can_be_named(tmp_path_factory.mktemp("names"), NAMES)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, taken: list[bytes]) -> Iterator[DaemonHome]:
    """A real daemon has described all of them."""
    made = tmp_path_factory.mktemp("made")
    picture = save_image(made / "picture.jpg", some_image(1, (64, 48)))
    video = save_video(made / "video.mp4", grey_frames(8))
    home = DaemonHome(tmp_path_factory.mktemp("home"))
    for name in taken:
        source = video if name in VIDEOS else picture
        shutil.copyfile(source, os.path.join(os.fsencode(home.inbox), name))
    assert home.start("--once").wait(timeout=50) == 0
    yield home
    home.close()


def path_of(home: DaemonHome, name: bytes) -> str:
    return os.fsdecode(os.path.join(os.fsencode(home.inbox), name))


def invoke(home: DaemonHome, *arguments: str) -> str:
    """What the real command prints; it must end well and be UTF-8."""
    command = [sys.executable, "-m", "cli.main", "--home", str(home.settings.home), *arguments]
    answered = subprocess.run(command, cwd=ROOT, env=home.environ, capture_output=True, check=False, timeout=30)
    assert answered.returncode in (0, 4), answered.stderr
    return answered.stdout.decode()


def test_each_is_described_and_has_its_sidecars(home: DaemonHome, taken: list[bytes]) -> None:
    assert {os.fsencode(name): state for name, state in home.states().items()} == dict.fromkeys(taken, JobState.DONE)
    for name in taken:
        record = json.loads(Path(path_of(home, name) + ".smolwatch.json").read_bytes())
        assert os.fsencode(record["file"]["name"]) == name
        assert record["media"]["kind"] == ("video" if name in VIDEOS else "image")
    assert len(os.listdir(home.inbox)) == 3 * len(taken)


@pytest.mark.parametrize("name", NAMES)
def test_show_and_why_write_out_what_would_steer_a_terminal(home: DaemonHome, taken: list[bytes], name: bytes) -> None:
    if name not in taken:
        pytest.skip("no file can have this name on this disk")
    for command in ("show", "why"):
        shown = invoke(home, command, "--", path_of(home, name))
        assert not STEERS & set(shown)
        assert safe_text(os.fsdecode(name)) in shown


def test_the_list_has_one_line_a_file(home: DaemonHome, taken: list[bytes]) -> None:
    listed = invoke(home, "ls")
    assert not STEERS & set(listed)
    rows = [line for line in listed.splitlines() if " done " in line]
    assert len(rows) == len(taken)
    assert all(any(safe_text(os.fsdecode(name)).strip() in row for row in rows) for name in taken)
    assert any(" ./-rf " in row for row in rows), "a name is never to be taken for an option"


def test_programs_get_the_exact_bytes(home: DaemonHome, taken: list[bytes]) -> None:
    listed = json.loads(invoke(home, "ls", "--json"))
    assert {os.path.basename(os.fsencode(job["path"])) for job in listed} == set(taken)
    assert ["path_b64" in job for job in listed].count(True) == len({*taken} & NO_TEXT), "where the name is no UTF-8"


def test_the_log_has_one_line_a_record(home: DaemonHome) -> None:
    log = (home.settings.log_folder / "smolwatch.log").read_text()
    assert not STEERS & set(log)
    assert r"new\x0aline" in log
    assert not [line for line in log.splitlines() if not line.startswith("20") or "daemon[1]" in line[:50]]


def test_the_markdown_has_the_name_as_text(home: DaemonHome, taken: list[bytes]) -> None:
    for name in taken:
        lines = Path(path_of(home, name) + ".md").read_bytes().decode().splitlines()
        assert not STEERS & set("".join(lines))
        assert [line for line in lines if line.startswith("#")][1:] == ["## Caption", "## Summary", "## Figures"]
        assert lines[2].startswith("# ")
