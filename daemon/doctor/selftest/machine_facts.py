"""Trials of this machine's disk, power state and sandbox, whose code for Macs was written from documentation alone."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from daemon.doctor.selftest.trial_result import TrialFailedError
from daemon.doctor.subprocesses import run_probe
from daemon.power.power_state import PowerState
from daemon.power.sensors import command_output, read_power
from storage.fsync import BARRIER_SYNC, FULL_SYNC, sync

SYNCS = 40
BYTES = 4096
#: In `pmset -g`, the line of Low Power Mode.
MODE_LINE = re.compile(r"^.*power ?mode.*$", re.MULTILINE | re.IGNORECASE)

KINDS = {"fsync": None, "F_BARRIERFSYNC": BARRIER_SYNC, "F_FULLFSYNC": FULL_SYNC}


def syncs(scratch: Path, kinds: Mapping[str, int | None] = KINDS) -> str:
    """Small synced writes a second, for each kind of sync that the system has."""
    return "; ".join(
        f"{kind} {syncs_a_second(scratch / kind, number):,.0f} a second"
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
    """The power state as the daemon reads it, and the system's own line for Low Power Mode."""
    state = read()
    saving = "on" if state.is_saving else "off"
    facts = [f"from {state.source or 'an unknown source'}", f"Low Power Mode {saving}", f"hot: {state.is_hot}".lower()]
    lines = [" ".join(line.split()) for line in MODE_LINE.findall(say("pmset", "-g"))]
    return "; ".join([*facts, *lines])


def sandbox(folder: Path) -> str:
    """A process in the decoder's sandbox can neither list the user's `folder` nor write, connect or start programs."""
    report = run_probe("daemon.media.decoder.probe_sandbox", os.fspath(folder))
    if report["kind"] == "none":
        raise TrialFailedError(f"The decoder has no sandbox: {report['reason']}")
    if report["allowed"]:
        raise TrialFailedError(f"In a sandbox of {report['kind']}, a decoder can still {', '.join(report['allowed'])}.")
    missing = f", without {report['reason']}" if report["reason"] else ""
    return f"sandbox of {report['kind']}{missing}: a decoder cannot {', '.join(report['refused'])}"
