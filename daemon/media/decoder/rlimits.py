"""What the decoder process may not do or use, by the means that every system has."""

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

#: So much memory may opening a file take, beyond what the codecs take themselves: four pictures of 100 megapixels.
MEMORY_BYTES = 2 * 1024**3
DESCRIPTORS = 32
#: Processor seconds a second: no file keeps more than so many cores busy all the time.
CORES = 4
#: For Linux's choice of whom to kill when memory runs out, from 0 to 1000: this process rather than the daemon.
FIRST_TO_GO = 800


def obey_parent_alone() -> None:
    """Ctrl-C goes to the whole group, but the parent decides what ends; and nothing lives on without it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        die_with_parent()


def confine() -> None:
    """No core dump, no writing, few descriptors, an empty folder of its own."""
    leave_for_an_empty_folder()
    if sys.platform == "linux":
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(str(FIRST_TO_GO))
    for what, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_NOFILE, DESCRIPTORS)):
        resource.setrlimit(what, (most, most))


def leave_for_an_empty_folder() -> None:
    """Files that a hostile file names are looked for here. A removed folder is empty for ever; nobody clears it up."""
    folder = Path(tempfile.mkdtemp(prefix="smolwatch-"))
    os.chdir(folder)
    folder.rmdir()


def limit_memory(room: int = MEMORY_BYTES) -> None:
    """At most `room` bytes beyond what is mapped now. Linux alone can hold that; elsewhere the parent watches."""
    if sys.platform != "linux":
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit(resource.RLIMIT_AS, pages * resource.getpagesize() + room)


def allow_seconds(seconds: float) -> None:
    """From now, counted anew: past them on CORES cores, SIGXCPU. It ends what the parent, if it sleeps, cannot end."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + CORES * seconds))


def limit(what: int, most: int) -> None:
    """So much at most, or less where whoever started smolwatch allows less."""
    _, allowed = resource.getrlimit(what)
    resource.setrlimit(what, (most if allowed == resource.RLIM_INFINITY else min(most, allowed), allowed))


def follow_parent() -> None:
    """PDEATHSIG for every system: also in the middle of a file."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=leave_with, args=(parent,), daemon=True).start()


def leave_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(0)
