"""This user's service, with launchd or systemd."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from daemon.errors import ServiceError
from daemon.service import launchd, systemd
from daemon.service.command import command_for
from daemon.service.launchctl import LaunchAgent
from daemon.service.service_spec import ServiceSpec
from daemon.service.service_state import ServiceState
from daemon.service.systemctl import UserUnit


class Service(Protocol):
    """One service of one user. Every method raises ServiceError when launchd or systemd fails."""

    @property
    def log_files(self) -> list[Path]:
        """The files in which the system keeps the daemon's output."""
        ...

    def rendered(self, spec: ServiceSpec) -> bytes:
        """The content of the plist or unit."""
        ...

    def is_current(self, spec: ServiceSpec) -> bool:
        """Whether the installed file is what `rendered` returns."""
        ...

    def install(self, spec: ServiceSpec) -> list[str]:
        """Install and start the service, in place of an older one. Returns notes for the user."""
        ...

    def uninstall(self) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def state(self) -> ServiceState: ...


def service_here(environ: Mapping[str, str] = os.environ, *, scratch: str = "") -> Service:
    """With launchctl or systemctl, whichever is on PATH. Raises ServiceError if neither is.

    `scratch`: a suffix for the name of a second, temporary service.
    """
    uid, path = os.geteuid(), environ.get("PATH")
    if launchctl := shutil.which("launchctl", path=path):
        library = Path.home() / "Library"
        folder, logs = library / "LaunchAgents", library / "Logs" / "smolwatch"
        label = f"{launchd.LABEL}.{scratch}" if scratch else launchd.LABEL
        return LaunchAgent(command_for(launchctl), uid=uid, folder=folder, logs=logs, label=label)
    if systemctl := shutil.which("systemctl", path=path):
        folder = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config", "systemd", "user")
        unit = f"smolwatch-{scratch}.service" if scratch else systemd.UNIT
        return UserUnit(command_for(systemctl), user=user_name(uid), folder=folder, unit=unit)
    raise ServiceError(
        "Neither launchd nor systemd is available to run a service.",
        advice="Run the daemon yourself: smolwatch run (in a container: as its command).",
    )


def state(environ: Mapping[str, str] = os.environ) -> ServiceState:
    """The state of this user's service. Raises ServiceError where there can be none."""
    return service_here(environ).state()


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a container's made-up user
        return str(uid)
