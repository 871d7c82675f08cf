"""A temporary service with launchd or systemd, which runs the doctor once."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from config.settings import Settings
from daemon.doctor.finding import Severity
from daemon.doctor.selftest.trial_result import NotApplicableError, TrialFailedError, TrialResult, run_trial
from daemon.errors import ServiceError
from daemon.service.detect import Service, service_here
from daemon.service.one_shot import run_once
from daemon.service.service_spec import spec_for

SCRATCH = "self-test"
SECONDS = 90.0


def services(
    scratch: Path, settings: Settings, environ: Mapping[str, str], platform: str = sys.platform
) -> Iterator[TrialResult]:
    """The trial for this system's service manager; the other one is not applicable."""
    here, other = ("launchd", "systemd") if platform == "darwin" else ("systemd", "launchd")
    yield run_trial(here, partial(round_trip, scratch, settings, environ))
    yield run_trial(other, partial(not_here, other))


def not_here(name: str) -> str:
    raise NotApplicableError(f"This system has no {name}.")


def round_trip(scratch: Path, settings: Settings, environ: Mapping[str, str]) -> str:
    """Install, run, read the result, uninstall. Reports what the doctor finds within the service."""
    service = found(lambda: service_here(environ, scratch=SCRATCH))
    lines = json.loads(run_once(service, spec_for(settings, environ), ["doctor", "--write"], scratch, seconds=SECONDS))
    if service.state().installed or service.state().running:
        raise TrialFailedError("The scratch service is still there.")
    amiss = [f"{line['name']}: {line['words']}" for line in lines["lines"] if is_amiss(line["verdict"])]
    return f"installed, ran, answered and was removed; {'; '.join(amiss) or 'the doctor found no problem there'}"


def found(look: Callable[[], Service]) -> Service:
    """Raises NotApplicableError if the system has no service manager, or none for this user."""
    try:
        service = look()
        service.state()
    except ServiceError as error:
        raise NotApplicableError(str(error)) from error
    return service


def is_amiss(verdict: str) -> bool:
    return verdict in (Severity.WARNING, Severity.PROBLEM)
