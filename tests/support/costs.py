"""What processes cost while nothing happens, as Linux counts it."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, kw_only=True)
class Cost:
    """`wakeups` and `cpu` (seconds) are for each second; `rss` is the sum of all resident bytes, shared ones too."""

    wakeups: float
    cpu: float
    rss: int
    by_thread: Counter[str]


def cost_of(pid: int, seconds: float) -> Cost:
    """Of a process and all below it, over so many seconds."""
    began, before, cpu_before = time.monotonic(), switches(pid), cpu(pid)
    time.sleep(seconds)
    took = time.monotonic() - began
    by_thread = switches(pid) - before
    rss = sum(process.memory_info().rss for process in family(pid))
    return Cost(wakeups=by_thread.total() / took, cpu=(cpu(pid) - cpu_before) / took, rss=rss, by_thread=by_thread)


def family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def switches(pid: int) -> Counter[str]:
    """How often each thread gave up the processor to wait for something: each time it is woken again."""
    found: Counter[str] = Counter()
    for task in tasks(pid):
        lines = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines() if ":" in line)
        found[f"{task.parent.parent.name}/{task.name}"] = int(lines["voluntary_ctxt_switches"])
    return found


def cpu(pid: int) -> float:
    """Seconds on a processor, to the nanosecond; `psutil` counts hundredths."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks(pid)) / 1e9


def tasks(pid: int) -> list[Path]:
    return [task for process in family(pid) for task in Path(f"/proc/{process.pid}/task").iterdir()]
