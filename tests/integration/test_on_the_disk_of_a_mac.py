"""The tests that give files odd names, on a disk that refuses what a Mac's does: `tests/fakes/apfs.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkout import ROOT
from tests.support.disk_names import can_name, counts_case

#: By the helper that they ask for such names, and so those of tomorrow too; `tests/unit/cli` asks in its conftest.
ASKS = "from tests.support.disk_names import"
FAULTS = sorted(str(file) for file in (ROOT / "tests" / "faults").glob("test_*.py") if ASKS in file.read_text("utf-8"))
UNITS = sorted(str(file) for file in (ROOT / "tests" / "unit").rglob("test_*.py") if ASKS in file.read_text("utf-8"))
COMMANDS = [str(ROOT / "tests" / "unit" / "cli" / f"test_{name}.py") for name in ("ls", "show", "why")]


def pytest_on_a_mac(*arguments: str) -> subprocess.CompletedProcess[str]:
    plugins = ("-p", "tests.fakes.apfs", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", "-q", "-rs", *plugins, *arguments]
    environ = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=58)


@pytest.mark.parametrize(
    "modules", [*([fault] for fault in FAULTS), [*UNITS, *COMMANDS]], ids=[*(Path(one).stem for one in FAULTS), "units"]
)
def test_they_pass_there_or_are_skipped_for_a_name(modules: list[str]) -> None:
    done = pytest_on_a_mac("-k", "(name or case or hostile or each or exact or writ) and not steer", *modules)
    assert done.returncode == 0, done.stdout
    skipped = [line for line in done.stdout.splitlines() if line.startswith("SKIPPED")]
    assert all("no file can have this name" in line for line in skipped), done.stdout
    assert " passed" in done.stdout


def test_such_a_disk_is_known_for_what_it_is(tmp_path: Path) -> None:
    """Here, and in a process with the calls of a Mac."""
    assert can_name(tmp_path, b"bad\n.jpg", "\u202e.jpg".encode())
    (tmp_path / "test_there.py").write_text(
        "from tests.support.disk_names import can_name, counts_case, that_can_be_named\n"
        "def test_it(tmp_path):\n"
        "    assert can_name(tmp_path, b'bad\\n.jpg') and not can_name(tmp_path, b'bad\\xff.jpg')\n"
        "    assert not counts_case(tmp_path) and not can_name(tmp_path, b'\\xc3\\xa9', b'e\\xcc\\x81')\n"
        "    assert that_can_be_named(tmp_path, [b'b', b'\\xff', b'B', b'c']) == [b'b', b'c']\n"
        "    (tmp_path / 'Beach').write_text('x')\n"
        "    assert (tmp_path / 'beach').read_text() == 'x'\n"
        "    (tmp_path / 'Beach').rename(tmp_path / 'beach')\n"
        "    assert [one.name for one in tmp_path.iterdir()] == ['beach']\n"
    )
    done = pytest_on_a_mac(str(tmp_path / "test_there.py"), f"--rootdir={ROOT}", "-c", str(ROOT / "pyproject.toml"))
    assert done.returncode == 0, done.stdout
    if sys.platform == "linux":
        assert counts_case(tmp_path)
