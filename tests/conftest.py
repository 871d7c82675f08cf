"""What every test stands on: a home of its own, no network, one thread for arithmetic, and nothing left running."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# Set before numpy or torch are imported: answers must not depend on how many cores there are.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
# Processes that tests start keep compiled modules, as an installed program does: starts take a quarter second less.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A slow machine is no failure: a whole test has its 60 seconds, single examples have no deadline.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

LET_GO_SECONDS = 5.0


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home that this test's smolwatch uses unless it is set otherwise; not made yet."""
    for name in os.environ:
        if name.startswith("SMOLWATCH_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SMOLWATCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    """Fails a test that leaves a thread or a child process behind."""
    threads, children = set(threading.enumerate()), set(multiprocessing.active_children())
    yield
    new = [thread for thread in threading.enumerate() if not thread.daemon and thread not in threads]
    for thread in new:  # libraries let go of their pools without waiting for the threads in them
        thread.join(LET_GO_SECONDS)
    left: list[object] = [thread for thread in new if thread.is_alive()]
    left += set(multiprocessing.active_children()) - children
    assert not left, f"left running: {left}"
