"""Supervises one job of the fake launchctl and systemctl: starts it, stores its exit code, restarts it after an error.

In the job's folder: `pid` and `watcher` while it runs, `last` for its last exit code, `stopping` when it must end.
FAKE_PROGRAM, when set, replaces the program and gets the same arguments.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

THROTTLE_SECONDS = 0.2
#: Variables with which the checkout under test is found; an installed smolwatch needs none.
PASSED_ON = ("PYTHONPATH", "HOME")


class Plan(TypedDict):
    """What the watcher starts. `final`: the exit codes after which it does not start it again."""

    command: list[str]
    environ: dict[str, str]
    outputs: list[str]
    final: list[int]


def spawn(
    where: Path, command: Sequence[str], environ: Mapping[str, str], outputs: Sequence[str], *, final: Iterable[int]
) -> None:
    """Start a watcher in a session of its own; returns when it has started the program."""
    program = os.environ.get("FAKE_PROGRAM", command[0])
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    plan: Plan = {
        "command": [program, *command[1:]],
        "environ": {**passed, **environ},
        "outputs": [*outputs],
        "final": [*final],
    }
    for name in ("stopping", "last"):
        (where / name).unlink(missing_ok=True)
    nowhere = subprocess.DEVNULL
    watcher = subprocess.Popen(
        [sys.executable, __file__, str(where), json.dumps(plan)],
        stdin=nowhere,
        stdout=nowhere,
        stderr=nowhere,
        start_new_session=True,
    )
    (where / "watcher").write_text(str(watcher.pid))
    until = time.monotonic() + 10
    while pid(where) is None and last(where) is None and time.monotonic() < until:
        time.sleep(0.01)
    watcher.returncode = 0  # it outlives this process


def pid(where: Path) -> int | None:
    return number(where / "pid")


def last(where: Path) -> int | None:
    return number(where / "last")


def number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (FileNotFoundError, ValueError):
        return None


def stop(where: Path) -> None:
    (where / "stopping").touch()
    if (running := pid(where)) is not None:
        os.kill(running, signal.SIGTERM)


def wait_gone(where: Path) -> None:
    while pid(where) is not None:
        time.sleep(0.01)


def forget(where: Path) -> None:
    for file in where.iterdir():
        file.unlink()
    where.rmdir()


def watch(where: Path, plan: Plan) -> None:
    while True:
        with Path(plan["outputs"][0]).open("ab") as out, Path(plan["outputs"][1]).open("ab") as err:
            program = subprocess.Popen(
                plan["command"], env=plan["environ"], cwd="/", stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )
        put(where / "pid", program.pid)
        code = program.wait()
        put(where / "last", code)
        (where / "pid").unlink()
        if code == 0 or code in plan["final"] or (where / "stopping").exists():
            return
        time.sleep(THROTTLE_SECONDS)
        if (where / "stopping").exists() or not where.exists():
            return


def put(file: Path, value: int) -> None:
    new = file.with_suffix(".new")
    new.write_text(str(value))
    new.replace(file)


if __name__ == "__main__":
    watch(Path(sys.argv[1]), json.loads(sys.argv[2]))
