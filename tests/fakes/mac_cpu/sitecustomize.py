"""For processes whose model is to believe that it runs on a Mac's CPU: no oneDNN, and "Darwin" on "arm64".

Python imports this at its start where the folder is on PYTHONPATH. Only the modules that choose how to compute see it:
the rest of the daemon stays on Linux.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable

PACKAGE = "daemon.inference"


def faked_in(package: str, fake: str, real: Callable[[], str]) -> Callable[[], str]:
    def answer() -> str:
        caller = sys._getframe(1).f_globals.get("__name__", "")
        if not caller.startswith(package):
            return real()
        if torch := sys.modules.get("torch"):
            torch.backends.mkldnn.set_flags(False)
        return fake

    return answer


platform.system = faked_in(PACKAGE, "Darwin", platform.system)
platform.machine = faked_in(PACKAGE, "arm64", platform.machine)
