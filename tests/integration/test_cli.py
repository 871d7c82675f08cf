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
from tests.support.terminal import TerminalProcess

COMMAND = [sys.executable, "-m", "cli.main"]
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
    document = json.loads(done.stdout)
    assert document["daemon"] == {"running": False}
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


def make_listing(home: Path) -> None:
    """A described file with a long name and a long caption."""
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from config.load import load_settings, prepare_home\n"
        "from tests.unit.cli.conftest import CliHome\n"
        "settings = load_settings(home=Path(sys.argv[1]))\n"
        "prepare_home(settings)\n"
        "(settings.inbox_path / 'summer holidays').mkdir()\n"
        "home = CliHome(settings)\n"
        f"home.describe('summer holidays/{LONG_NAME}', caption={LONG_CAPTION!r})\n"
    )
    subprocess.run([sys.executable, "-c", script, str(home)], env=environment(home), check=True, timeout=50)


LONG_NAME = "a photograph of the lighthouse at noon.jpg"
LONG_CAPTION = "A lighthouse, and behind it the sea; a man with a red hat walks on the beach, and two dogs follow him."


@pytest.mark.parametrize("columns", [80, 120])
def test_a_table_fits_the_terminal_and_wide_shows_all(tmp_path: Path, columns: int) -> None:
    make_listing(tmp_path)
    with TerminalProcess([*COMMAND, "ls"], env=environment(tmp_path), cwd=tmp_path, columns=columns) as terminal:
        assert terminal.wait() == 0
        lines = [line.rstrip() for line in terminal.text.splitlines()]
    assert len(lines) == 3
    assert max(map(len, lines)) <= columns
    assert "at noon.jpg" in lines[2] and "A lighthouse, and" in lines[2]
    assert lines[2].endswith("…")
    arguments = [*COMMAND, "ls", "--wide"]
    with TerminalProcess(arguments, env=environment(tmp_path), cwd=tmp_path, columns=columns) as terminal:
        assert terminal.wait() == 0
        assert f"summer holidays/{LONG_NAME}" in terminal.text
        assert LONG_CAPTION in terminal.text
    assert LONG_CAPTION in smolwatch(tmp_path, "ls").stdout, "a pipe gets all"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux alone has a disk that is always full")
@pytest.mark.parametrize("arguments", [("ls",), ("ls", "--json"), ("status",), ("--help",)])
def test_an_output_whose_disk_is_full_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    make_listing(tmp_path)
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            [*COMMAND, *arguments],
            env=environment(tmp_path),
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=50,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "smolwatch: The output could not be written: its disk is full.",
        "  Free some space on it, then run the command again.",
    ]


def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    make_listing(tmp_path)
    with subprocess.Popen(
        [*COMMAND, "ls", "--json"],
        env=environment(tmp_path),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    "arguments", [("ls",), ("status",), ("show", "1"), ("why", "x.jpg"), ("db", "check"), ("service", "status")]
)
def test_json_is_json_on_a_fresh_home_too(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = smolwatch(tmp_path, *arguments, "--json")
    json.loads(done.stdout)
    assert done.returncode != 2
