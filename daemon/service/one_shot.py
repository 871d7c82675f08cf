"""One command, run by the system as the daemon would be, once: what differs there from a terminal, it tells."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from daemon.errors import ServiceError
from daemon.service.detect import Service
from daemon.service.service_spec import ServiceSpec
from daemon.service.service_state import RunState

LOOK_SECONDS = 0.2


def run_errand(service: Service, plan: ServiceSpec, words: list[str], room: Path, *, seconds: float) -> bytes:
    """What the command of these words writes, named a file in `room` as its last word. Leaves no service behind.

    `service` is a scratch one. Raises ServiceError when the command ends with an error, or takes longer.
    """
    file = room / "errand.json"
    # On Linux the room is what the command may write to; nothing else is wanted of the inbox.
    errand = replace(plan, inbox=room, errand=(*words, str(file)))
    until = time.monotonic() + seconds
    try:
        service.install(errand)
        while not file.exists():
            if service.state().condition is RunState.FAILED:
                raise ServiceError("The command failed within the service.", advice="Look at: smolwatch service logs")
            if time.monotonic() > until:
                raise ServiceError(f"The service did not answer within {seconds:.0f} s.")
            time.sleep(LOOK_SECONDS)
        return file.read_bytes()
    finally:
        service.uninstall()
