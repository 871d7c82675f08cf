"""What a person may ask of the service, and what must hold first. One service a user, one daemon a home."""

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
from daemon.service.service_spec import left_behind, plan_for
from daemon.service.service_state import ServiceState
from daemon.service.start_failure import StartFailure, forget_refusal, refusal

LOOK_SECONDS = 0.1
ARRIVAL_SECONDS = 20.0


@dataclass(frozen=True)
class StartResult:
    """How a start went: the daemon's `pid`, or why it `refused`; neither: it was not seen within 20 s."""

    pid: int | None = None
    refused: StartFailure | None = None
    notes: Sequence[str] = ()


def install(service: Service, settings: Settings, environ: Mapping[str, str]) -> StartResult:
    """Write the definition and start; over an older one, which is stopped cleanly first: an upgrade.

    Raises PermissionDeniedError for root, whose files their owner could not change, and whatever `check` raises.
    """
    if os.geteuid() == 0:
        raise PermissionDeniedError(
            "The service belongs to a person, not to root.", advice="Type the same as yourself, without sudo."
        )
    plan = plan_for(settings, environ)
    check(service.state(), settings, starting=True)
    prepare_home(settings)
    notes = [f"{name} holds in this terminal only: see {settings.config_file}" for name in left_behind(environ)]
    return begin(settings, lambda: notes.extend(service.install(plan)), notes)


def start(service: Service, settings: Settings) -> StartResult:
    found = service.state()
    check(found, settings, installed=True, starting=True)
    if found.running:
        return StartResult(found.pid)
    return begin(settings, service.start)


def restart(service: Service, settings: Settings) -> StartResult:
    """Stopped cleanly, then started with what the definition says now."""
    check(service.state(), settings, installed=True, starting=True)
    service.stop()
    return begin(settings, service.start)


def stop(service: Service, settings: Settings) -> None:
    """Returns when the daemon has ended. It starts again with the next login, unless it is uninstalled."""
    check(service.state(), settings, installed=True)
    service.stop()


def uninstall(service: Service, settings: Settings) -> bool:
    """Stop it and take its definition away; the home stays. Whether there was anything."""
    found = service.state()
    check(found, settings)
    service.uninstall()
    return found.installed or found.running


def check(found: ServiceState, settings: Settings, *, installed: bool = False, starting: bool = False) -> None:
    """Raises ServiceError when the service is another home's; NotFoundError when it must be `installed` and is not;
    AlreadyRunningError when, before `starting`, another daemon holds the home."""
    if found.home not in (None, settings.home):
        raise ServiceError(
            f"The service is there for another home: {found.home}",
            advice="Name it with --home, or uninstall it there first: there is one service a user.",
        )
    if installed and not found.installed:
        raise NotFoundError("The service is not installed.", advice="Install it with: smolwatch service install")
    pid = holder(settings.lock_file)
    if starting and pid not in (None, found.pid):
        raise AlreadyRunningError(
            f"smolwatch already runs for {settings.home}, outside the service, as process {pid}.",
            advice="Stop that one first (Ctrl-C where it runs), then type the same again.",
        )


def begin(settings: Settings, bring: Callable[[], None], notes: Sequence[str] = ()) -> StartResult:
    """Do what brings the daemon, and wait until it holds its home or has said why not."""
    forget_refusal(settings.home)
    bring()
    for _ in range(round(ARRIVAL_SECONDS / LOOK_SECONDS)):
        if (pid := holder(settings.lock_file)) is not None:
            return StartResult(pid, notes=notes)
        if (refused := refusal(settings.home)) is not None:
            return StartResult(refused=refused, notes=notes)
        time.sleep(LOOK_SECONDS)
    return StartResult(notes=notes)
