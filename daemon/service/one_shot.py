"""Runs one command once as a service, to find out what differs from a terminal."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from daemon.errors import ServiceError
from daemon.service.detect import Service
from daemon.service.service_spec import ServiceSpec
from daemon.service.service_state import RunState

POLL_SECONDS = 0.2


def run_once(service: Service, spec: ServiceSpec, arguments: list[str], scratch: Path, *, seconds: float) -> bytes:
    """The bytes that the command writes to its last argument, a file in `scratch`. Leaves no service behind.

    `service` is a scratch one. Raises ServiceError when the command fails or takes longer than `seconds`.
    """
    file = scratch / "report.json"
    # On Linux the unit lets the command write to these folders alone: here that is the scratch folder.
    scratch_spec = replace(spec, folders=(scratch,), one_shot=(*arguments, str(file)))
    until = time.monotonic() + seconds
    try:
        service.install(scratch_spec)
        while not file.exists():
            if service.state().condition is RunState.FAILED:
                raise ServiceError(
                    "The command failed within the service.", advice="To see why: smolwatch service logs"
                )
            if time.monotonic() > until:
                raise ServiceError(f"The service did not answer within {seconds:.0f} s.")
            time.sleep(POLL_SECONDS)
        return file.read_bytes()
    finally:
        service.uninstall()
