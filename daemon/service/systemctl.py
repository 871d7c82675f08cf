"""The service on Linux: a unit of this user's systemd, controlled with `systemctl --user`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from daemon.errors import ServiceError
from daemon.service import systemd
from daemon.service.command import Command, CommandResult
from daemon.service.service_spec import ServiceSpec
from daemon.service.service_state import ServiceState, condition_of
from daemon.service.unit_file import read, remove, write

SHOWN = ("ActiveState", "SubState", "MainPID", "ExecMainCode", "ExecMainStatus")
LINGERING = Path("/var/lib/systemd/linger")
NOT_LINGERING = "It runs while you are logged in. To run it from boot on: sudo loginctl enable-linger {}"


class UserUnit:
    """One unit in the systemd of one user. `folder` is ~/.config/systemd/user."""

    launcher = "systemd"

    def __init__(
        self, systemctl: Command, *, user: str, folder: Path, lingering: Path = LINGERING, unit: str = systemd.UNIT
    ) -> None:
        self._systemctl = systemctl
        self._unit = unit
        self._user = user
        self._lingering = lingering
        self.file = folder / self._unit

    @property
    def log_files(self) -> list[Path]:
        """None: output from before the daemon opens its log is in the journal."""
        return []

    def rendered(self, spec: ServiceSpec) -> bytes:
        return systemd.render(spec)

    def is_current(self, spec: ServiceSpec) -> bool:
        return read(self.file) == self.rendered(spec)

    def install(self, spec: ServiceSpec) -> list[str]:
        """Write the unit, stop an older daemon, start this one; notes for the user. Raises ServiceError."""
        self._must("show-environment")  # before writing anything: fails if this user has no systemd
        write(self.file, self.rendered(spec), systemd.is_ours)
        self._must("daemon-reload")
        self._must("enable", self._unit)
        self._systemctl("--user", "reset-failed", self._unit)
        self._must("restart", self._unit)
        return [] if (self._lingering / self._user).exists() else [NOT_LINGERING.format(self._user)]

    def uninstall(self) -> None:
        if read(self.file) is not None:
            self._must("disable", "--now", self._unit)
            remove(self.file)
            self._must("daemon-reload")
            self._systemctl("--user", "reset-failed", self._unit)

    def start(self) -> None:
        self._systemctl("--user", "reset-failed", self._unit)
        self._must("start", self._unit)

    def stop(self) -> None:
        """Returns when the daemon has ended."""
        self._must("stop", self._unit)

    def state(self) -> ServiceState:
        properties = systemd.facts(self._must("show", self._unit, f"--property={','.join(SHOWN)}").out)
        content, pid, code = read(self.file), systemd.pid_in(properties), systemd.exit_code_in(properties)
        state = ServiceState(
            condition_of(installed=content is not None, pid=pid, exit_code=code),
            self.launcher,
            self._unit,
            self.file,
            home=systemd.home_in(content) if content else None,
            program=systemd.program_in(content) if content else None,
        )
        detail = f"{properties.get('ActiveState', '')} ({properties.get('SubState', '')})"
        return replace(state, pid=pid, exit_code=code, domain="user", detail=detail)

    def _must(self, *arguments: str) -> CommandResult:
        result = self._systemctl("--user", *arguments)
        if not result.ok:
            raise ServiceError(f"systemctl --user {arguments[0]}: {result.message}", advice=self._advice(result))
        return result

    def _advice(self, result: CommandResult) -> str:
        if "connect to bus" not in result.message:
            return f"For details: journalctl --user -u {self._unit}"
        return (
            "This user has no running systemd: log in as yourself (su and sudo do not count), or have it run "
            f"always: sudo loginctl enable-linger {self._user}"
        )
