"""What this machine's disk, power and sandbox are like: facts that were read about Macs and never seen on one."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from daemon.doctor.selftest.trial_result import Failed
from daemon.doctor.subprocesses import told_by
from daemon.power.power_state import PowerState
from daemon.power.sensors import (
    command_output,
    read_power,
)
from storage.fsync import BARRIER_SYNC, FULL_SYNC, sync

SYNCS = 40
BYTES = 4096
#: In `pmset -g`, the line of Low Power Mode.
MODE_LINE = re.compile(r"^.*power ?mode.*$", re.MULTILINE | re.IGNORECASE)

KINDS = {"fsync": None, "F_BARRIERFSYNC": BARRIER_SYNC, "F_FULLFSYNC": FULL_SYNC}


def syncs(room: Path, kinds: Mapping[str, int | None] = KINDS) -> str:
    """How many small writes a second reach the disk, by each kind of sync that the system has."""
    return "; ".join(
        f"{kind} {syncs_a_second(room / kind, number):,.0f} a second"
        for kind, number in kinds.items()
        if kind == "fsync" or number is not None
    )


def syncs_a_second(file: Path, kind: int | None) -> float:
    began = time.perf_counter()
    with file.open("wb", buffering=0) as opened:
        for _ in range(SYNCS):
            opened.write(bytes(BYTES))
            sync(opened.fileno(), kind)
    return SYNCS / (time.perf_counter() - began)


def power(read: Callable[[], PowerState] = read_power, say: Callable[..., str] = command_output) -> str:
    """The power state as the daemon reads it, beside the system's own line for Low Power Mode."""
    state = read()
    saving = "on" if state.is_saving else "off"
    facts = [f"from {state.source or 'an unknown source'}", f"Low Power Mode {saving}", f"hot: {state.is_hot}".lower()]
    lines = [" ".join(line.split()) for line in MODE_LINE.findall(say("pmset", "-g"))]
    return "; ".join([*facts, *lines])


def sandbox(folder: Path) -> str:
    """A process that is locked in as a decoder is can neither list the person's `folder` nor leave a trace."""
    told = told_by("daemon.media.decoder.probe_sandbox", os.fspath(folder))
    if told["kind"] == "none":
        raise Failed(f"The decoder has no sandbox: {told['reason']}")
    if told["allowed"]:
        raise Failed(f"Locked in by {told['kind']}, a decoder can still {', '.join(told['allowed'])}.")
    missing = f", without {told['reason']}" if told["reason"] else ""
    return f"locked in by {told['kind']}{missing}: it cannot {', '.join(told['refused'])}"
