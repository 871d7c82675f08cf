"""Install, start, stop and uninstall the service, with checks first. One service a user, one daemon a home."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from config.errors import AlreadyRunningError, NotFoundError, PermissionDeniedError
from config.load import prepare_home
from config.settings import Settings
from daemon.errors import ServiceError
from daemon.lock import holder
from daemon.service.detect import Service
from daemon.service.service_spec import spec_for, unseen_settings
from daemon.service.service_state import ServiceState
from daemon.service.start_failure import StartFailure, forget_failure, read_failure

POLL_SECONDS = 0.1
START_SECONDS = 20.0


@dataclass(frozen=True)
class StartResult:
    """The result of a start: the daemon's `pid`, or its `failure`; neither if it was not seen within 20 s."""

    pid: int | None = None
    failure: StartFailure | None = None
    notes: Sequence[str] = ()


def install(service: Service, settings: Settings, environ: Mapping[str, str]) -> StartResult:
    """Write the unit file and start the daemon. An older daemon is stopped cleanly first: this is also the upgrade.

    Raises PermissionDeniedError for root, whose files the user could not change, and what `check` raises.
    """
    if os.geteuid() == 0:
        raise PermissionDeniedError(
            "The service belongs to a user, not to root.", advice="Run this as your normal user, without sudo."
        )
    spec = spec_for(settings, environ)
    check(service.state(), settings, starting=True)
    prepare_home(settings)
    unseen = unseen_settings(environ)
    notes = [f"{name} is set in this terminal only; for the service, change {settings.config_file}" for name in unseen]
    return start_and_wait(settings, lambda: notes.extend(service.install(spec)), notes)


def start(service: Service, settings: Settings) -> StartResult:
    found = service.state()
    check(found, settings, installed=True, starting=True)
    if found.running:
        return StartResult(found.pid)
    return start_and_wait(settings, service.start)


def restart(service: Service, settings: Settings) -> StartResult:
    """Stop the daemon cleanly, then start it with the current unit file."""
    check(service.state(), settings, installed=True, starting=True)
    service.stop()
    return start_and_wait(settings, service.start)


def stop(service: Service, settings: Settings) -> None:
    """Returns when the daemon has ended. It starts again at the next login, unless it is uninstalled."""
    check(service.state(), settings, installed=True)
    service.stop()


def uninstall(service: Service, settings: Settings) -> bool:
    """Stop the service and remove its unit file; the home stays. False if there was no service."""
    found = service.state()
    check(found, settings)
    service.uninstall()
    return found.installed or found.running


def check(found: ServiceState, settings: Settings, *, installed: bool = False, starting: bool = False) -> None:
    """Raises ServiceError when the service is another home's, and NotFoundError when it must be `installed` and is not.

    Raises AlreadyRunningError when, before `starting`, another daemon holds the home.
    """
    if found.home not in (None, settings.home):
        raise ServiceError(
            f"The service is installed for another home: {found.home}",
            advice="Give that home with --home, or uninstall that service first: each user has one service.",
        )
    if installed and not found.installed:
        raise NotFoundError("The service is not installed.", advice="Install it with: smolwatch service install")
    pid = holder(settings.lock_file)
    if starting and pid not in (None, found.pid):
        raise AlreadyRunningError(
            f"smolwatch already runs for {settings.home}, outside the service, as process {pid}.",
            advice="Stop it first (Ctrl-C in its terminal), then run this command again.",
        )


def start_and_wait(settings: Settings, launch: Callable[[], None], notes: Sequence[str] = ()) -> StartResult:
    """Call `launch`, and wait until the daemon holds its home or has left a start failure."""
    forget_failure(settings.home)
    launch()
    for _ in range(round(START_SECONDS / POLL_SECONDS)):
        if (pid := holder(settings.lock_file)) is not None:
            return StartResult(pid, notes=notes)
        if (failure := read_failure(settings.home)) is not None:
            return StartResult(failure=failure, notes=notes)
        time.sleep(POLL_SECONDS)
    return StartResult(notes=notes)
