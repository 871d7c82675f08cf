"""A folder with songs, documents and other programs' pictures among the photos: what is not taken is reported."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.main import smolwatch
from daemon.errors import NotAllowedError
from daemon.media.foreign.foreign_kinds import KINDS
from storage.lifecycle import JobState
from tests.support.checkout import ROOT
from tests.support.decoders import decode, decoding
from tests.support.files import file_state
from tests.support.foreign_files import MADE
from tests.support.intake_home import IntakeHome
from tests.support.processes import DaemonHome
from tests.support.running_jobs import draw
from tests.support.waiting import wait_for

PSD = b"8BPS\0\1" + bytes(6) + b"\0\3\0\0\0\x40\0\0\0\x40\0\x08\0\3"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    home = DaemonHome(tmp_path / "home")
    yield home
    home.close()


def run_once(home: DaemonHome) -> tuple[int, str]:
    """The exit code and the last line of `smolwatch run --once`."""
    command = [sys.executable, "-W", "error", "-m", "cli.main", "run", "--once"]
    done = subprocess.run(command, cwd=ROOT, env=home.environ, capture_output=True, text=True, timeout=50, check=False)
    return done.returncode, (done.stdout.splitlines() or [done.stderr])[-1]


def invoke(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(smolwatch, ["--home", str(folder), *arguments], catch_exceptions=False)


def invoke_json(folder: Path, *arguments: str) -> Any:
    return json.loads(invoke(folder, *arguments, "--json").stdout)


def test_a_mixed_folder_is_described_counted_listed_and_explained(home: DaemonHome) -> None:
    folder, expected = home.settings.home, dict.fromkeys(MADE, 1)
    for code, make in MADE.items():
        (home.inbox / f"{code}.jpg").write_bytes(make())
    (home.inbox / "art.psd").write_bytes(PSD)
    (home.inbox / "empty.jpg").touch()
    (home.inbox / "link.jpg").symlink_to("photo.png")
    (home.inbox / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    expected |= {"psd": 1, "empty": 1, "symlink": 1}
    before = {path: file_state(path) for path in home.inbox.iterdir()}
    draw(home.inbox / "photo.png")

    count = sum(expected.values())
    exit_code, line = run_once(home)
    assert exit_code == 0
    assert line.startswith(f"described 1 · failed 0 · not taken {count}: ")

    assert invoke_json(folder, "status")["not_taken"] == {"count": count, "kinds": expected, "waiting": {}}
    assert f"not taken  {count}: " in invoke(folder, "status").stdout
    assert invoke_json(folder, "status")["jobs"] == dict.fromkeys(map(str, JobState), 0) | {"done": 1}

    listed = invoke_json(folder, "ls", "--state", "skipped", "-n", "1000")
    names = {os.path.basename(one["path"]) for one in listed}
    assert names == {f"{code}.jpg" for code in MADE} | {"art.psd", "empty.jpg", "link.jpg"}
    assert all(one["reason"].endswith(".") and one["advice"] for one in listed)
    assert f"{count} files were not taken: smolwatch ls --state skipped" in invoke(folder, "ls").stdout

    for code in ("psd", "mp3", "pdf", "docx", "zip"):
        name = "art.psd" if code == "psd" else f"{code}.jpg"
        shown = invoke(folder, "why", str(home.inbox / name)).stdout
        assert KINDS[code].sentence in shown
        assert f"→ {KINDS[code].advice}" in shown
    assert "inbox.ignore" in invoke(folder, "why", str(home.inbox / ".DS_Store")).stdout
    assert {path: file_state(path) for path in before} == before
    assert {path.name for path in home.inbox.iterdir()} == {path.name for path in before} | {
        "photo.png",
        "photo.png.md",
        "photo.png.smolwatch.json",
    }


def test_the_locked_in_decoder_names_them_too_and_loads_nothing_for_it(tmp_path: Path) -> None:
    texts = {"utf-8": "Grüße", "utf-8-sig": "Grüße", "utf-16": "Grüße", "latin-1": "Grüße vom Strand, und bis bald"}
    contents = {code: make() for code, make in MADE.items()} | {"psd": PSD}
    contents |= {codec: text.encode(codec) for codec, text in texts.items()}
    with decoding() as decoder:
        for name, content in contents.items():
            (tmp_path / name).write_bytes(content)
            with pytest.raises(NotAllowedError) as caught:
                decode(decoder, tmp_path / name)
            assert str(caught.value) == KINDS["text" if name in texts else name].sentence


def test_foreign_files_alone_are_no_failure_and_a_damaged_picture_is_one(home: DaemonHome) -> None:
    (home.inbox / "notes.txt").write_text("Buy film.")
    (home.inbox / "song.mp3").write_bytes(MADE["mp3"]())
    assert run_once(home) == (0, "described 0 · failed 0 · not taken 2: 1 song (MP3), 1 text file")
    content = draw(home.inbox / "photo.png").read_bytes()
    (home.inbox / "photo.png").write_bytes(content[: len(content) // 2])
    code, line = run_once(home)
    assert code == 1
    assert line.startswith("described 0 · failed 0 · waiting 1 · not taken 2: ")


def test_thousands_of_foreign_files_keep_the_database_small_and_the_answers_short(tmp_path: Path) -> None:
    home, many = IntakeHome(tmp_path / "home"), 5000
    try:
        for number in range(many):
            (home.inbox / f"Song {number:05} - somebody.mp3").write_bytes(b"ID3\4" + bytes(60))
        empty = size(home)
        began = time.monotonic()
        intake = home.start()
        wait_for(lambda: intake.is_idle, 30)
        seconds = time.monotonic() - began
        path = len(os.fsencode(home.inbox / "Song 00000 - somebody.mp3"))
        a_file = (size(home) - empty) / many
        print(f"{many} files in {seconds:.1f} s, {a_file:.0f} bytes each with paths of {path}")
        assert a_file < 2.5 * path + 60, "the path stands in the table and in its index; all else is small"
        assert invoke_json(home.settings.home, "status")["not_taken"] == {
            "count": many,
            "kinds": {"mp3": many},
            "waiting": {},
        }
        shown = invoke(home.settings.home, "ls", "--state", "skipped").stdout.splitlines()
        assert len(shown) == 2 + 50 + 2
        assert shown[-2:] == ["… and 4,950 more (-n 5000 lists them all)", "Not taken: 5,000 songs"]
    finally:
        home.close()


def size(home: IntakeHome) -> int:
    """Of the database's file, once its log is played in."""
    with closing(sqlite3.connect(home.settings.database_file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return home.settings.database_file.stat().st_size
