"""The command line as real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.lock import HomeLock
from tests.support.checkout import ROOT

HEAVY = ("torch", "PIL", "pillow_heif", "av", "numpy", "transformers", "huggingface_hub", "alembic", "watchdog", "rich")


def environment(home: Path) -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("SMOLWATCH_")}
    return {**mine, "SMOLWATCH_HOME": str(home), "PYTHONPATH": str(ROOT)}


def smolwatch(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        env=environment(home),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


@pytest.mark.parametrize("arguments", [("status",), ("status", "--json"), ("ls", "--json"), ("why", "x"), ("--help",)])
def test_reading_imports_no_model_no_decoder_and_no_migrations(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    script = (
        "import sys\n"
        "from cli.main import smolwatch\n"
        f"smolwatch.main({list(arguments)!r}, standalone_mode=False)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    if arguments != ("--help",):
        make_database(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.splitlines()[-1] == "[]"


def make_database(home: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from storage.db.database import open_database\n"
        "open_database(Path(sys.argv[1])).close()"
    )
    file = home / "data" / "smolwatch.db"
    subprocess.run([sys.executable, "-c", script, str(file)], env=environment(home), check=True, timeout=50)


def test_status_is_one_document_and_4_without_a_daemon(tmp_path: Path) -> None:
    done = smolwatch(tmp_path, "status", "--json")
    assert done.returncode == 4
    told = json.loads(done.stdout)
    assert told["daemon"] == {"running": False}
    assert done.stderr == ""


def test_a_second_daemon_ends_with_75_and_the_first_ones_process(tmp_path: Path) -> None:
    with HomeLock(tmp_path / "data" / "smolwatch.lock"):
        done = smolwatch(tmp_path, "run")
    assert done.returncode == 75
    assert str(os.getpid()) in done.stderr
    assert "weights" not in done.stderr


def test_undecodable_arguments_are_answered(tmp_path: Path) -> None:
    done = smolwatch(tmp_path, "why", os.fsdecode(b"bad\xff.jpg"))
    assert done.returncode == 3
    assert r"bad\xff.jpg" in done.stderr


def test_what_the_terminal_cannot_show_is_written_out(tmp_path: Path) -> None:
    (tmp_path / "🙂.jpg").write_bytes(b"x")
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "why", "🙂.jpg"],
        env={**environment(tmp_path), "PYTHONIOENCODING": "latin-1"},
        cwd=tmp_path,
        capture_output=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0
    assert rb"\U0001f642.jpg" in done.stdout
