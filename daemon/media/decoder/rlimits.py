"""Limits of the decoder process that every POSIX system can enforce."""

from __future__ import annotations

import math
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import threading
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path

from daemon.linux import die_with_parent

#: Memory for decoding one file, beyond what the loaded codecs take: four pictures of 100 megapixels.
MEMORY_BYTES = 2 * 1024**3
DESCRIPTORS = 32
#: CPU seconds per second: the number of cores that one file may keep busy.
CORES = 4
#: For Linux's OOM killer, from 0 to 1000: kill this process before the daemon.
OOM_SCORE_ADJ = 800


def bind_to_parent() -> None:
    """Ignore Ctrl-C, which the whole process group receives; end with the parent (on Linux)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        die_with_parent()


def restrict() -> None:
    """No core dump, no writing, few descriptors, an empty working directory."""
    enter_empty_folder()
    if sys.platform == "linux":
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE_ADJ))
    for resource_id, maximum in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, DESCRIPTORS),
    ):
        resource.setrlimit(resource_id, (maximum, maximum))


def enter_empty_folder() -> None:
    """Relative paths inside a hostile file resolve here. A removed folder stays empty and needs no cleanup."""
    folder = Path(tempfile.mkdtemp(prefix="smolwatch-"))
    os.chdir(folder)
    folder.rmdir()


def limit_memory(headroom: int = MEMORY_BYTES) -> None:
    """At most `headroom` bytes beyond what is mapped now. Only Linux enforces it; else the parent polls the RSS."""
    if sys.platform != "linux":
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    set_limit(resource.RLIMIT_AS, pages * resource.getpagesize() + headroom)


def limit_cpu(seconds: float) -> None:
    """SIGXCPU after `seconds` from now on CORES cores. It works even while the parent is suspended."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    set_limit(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + CORES * seconds))


def set_limit(resource_id: int, maximum: int) -> None:
    """Set the soft limit, within the hard limit that smolwatch was started with."""
    _, allowed = resource.getrlimit(resource_id)
    resource.setrlimit(resource_id, (maximum if allowed == resource.RLIM_INFINITY else min(maximum, allowed), allowed))


def exit_with_parent() -> None:
    """PDEATHSIG for every system; works while a file is being decoded, too."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=exit_after, args=(parent,), daemon=True).start()


def exit_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(0)
