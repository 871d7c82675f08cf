from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkout import ROOT


def run(lines: str) -> subprocess.CompletedProcess[str]:
    """In a separate process: limits cannot be raised again."""
    script = f"import os, resource\nfrom daemon.media.decoder.rlimits import *\n{lines}"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)


def test_the_folder_is_empty_and_nothing_can_be_made_in_it() -> None:
    done = run("""
restrict()
print(os.listdir("."))
try:
    open("x", "w")
except FileNotFoundError:
    print("no")
""")
    assert done.stdout.split() == ["[]", "no"], done.stderr


def test_no_core_is_dumped_no_byte_written_and_few_files_are_open(tmp_path: Path) -> None:
    done = run(f"""
file = open({str(tmp_path / "x")!r}, "wb", buffering=0)
restrict()
print(*(resource.getrlimit(what)[1] for what in (resource.RLIMIT_CORE, resource.RLIMIT_NOFILE)))
try:
    file.write(b"x")
except OSError as error:
    print(error.strerror)
""")
    assert done.stdout.splitlines() == ["0 32", "File too large"], done.stderr
    assert (tmp_path / "x").read_bytes() == b""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a limit on memory")
def test_memory_is_limited_beyond_what_is_taken_already() -> None:
    done = run("""
limit_memory(100 * 2**20)
bytes(50 * 2**20)
try:
    bytes(150 * 2**20)
except MemoryError:
    os.write(1, b"too much")
""")
    assert done.stdout == "too much", done.stderr


def test_processor_time_is_limited_anew_for_each_file() -> None:
    done = run("""
import time
for _ in range(2):
    limit_cpu(0.3)
    end = time.process_time() + 0.8
    while time.process_time() < end: pass
limit_cpu(0.1)
print("done", flush=True)
while True: pass
""")
    assert done.stdout == "done\n", done.stderr
    assert done.returncode == -signal.SIGXCPU


def test_a_limit_that_the_system_sets_lower_stays() -> None:
    done = run("""
resource.setrlimit(resource.RLIMIT_CPU, (5, 5))
limit_cpu(1000)
print(resource.getrlimit(resource.RLIMIT_CPU))
set_limit(resource.RLIMIT_CPU, 3)
print(resource.getrlimit(resource.RLIMIT_CPU)[0])
""")
    assert done.stdout.splitlines() == ["(5, 5)", "3"], done.stderr
