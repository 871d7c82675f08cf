"""This user's service, as the system at hand runs it."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from daemon.errors import ServiceError
from daemon.service import launchd, systemd
from daemon.service.command import tool
from daemon.service.launchctl import LaunchAgent
from daemon.service.service_spec import ServiceSpec
from daemon.service.service_state import ServiceState
from daemon.service.systemctl import UserUnit


class Service(Protocol):
    """One service of one user. Every method raises ServiceError when the system does not do as it is asked."""

    @property
    def log_files(self) -> list[Path]:
        """What the system keeps of the daemon's own output."""
        ...

    def rendered(self, plan: ServiceSpec) -> bytes:
        """The file that tells the system of it."""
        ...

    def stands(self, plan: ServiceSpec) -> bool:
        """Whether what is installed is what would be written for this plan."""
        ...

    def install(self, plan: ServiceSpec) -> list[str]:
        """Make it so, in place of an older one, and start it; sentences for the person."""
        ...

    def uninstall(self) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def state(self) -> ServiceState: ...


def service_here(environ: Mapping[str, str] = os.environ, *, scratch: str = "") -> Service:
    """By the tool that is on PATH: launchctl or systemctl. Raises ServiceError where there is neither.

    `scratch`: another service beside the daemon's, for an errand; what is added to the name.
    """
    uid, path = os.geteuid(), environ.get("PATH")
    if launchctl := shutil.which("launchctl", path=path):
        library = Path.home() / "Library"
        folder, logs = library / "LaunchAgents", library / "Logs" / "smolwatch"
        label = f"{launchd.LABEL}.{scratch}" if scratch else launchd.LABEL
        return LaunchAgent(tool(launchctl), uid=uid, folder=folder, logs=logs, label=label)
    if systemctl := shutil.which("systemctl", path=path):
        folder = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config", "systemd", "user")
        unit = f"smolwatch-{scratch}.service" if scratch else systemd.UNIT
        return UserUnit(tool(systemctl), user=user_name(uid), folder=folder, unit=unit)
    raise ServiceError(
        "Neither launchd nor systemd is here to run a service.",
        advice="Run the daemon yourself: smolwatch run (in a container, as its command).",
    )


def state(environ: Mapping[str, str] = os.environ) -> ServiceState:
    """One look at this user's service. Raises ServiceError where there can be none."""
    return service_here(environ).state()


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a container's made-up user
        return str(uid)
