"""The service on Linux: a unit of this user's own systemd, spoken to through `systemctl --user`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from daemon.errors import ServiceError
from daemon.service import systemd
from daemon.service.command import CommandResult, Tool
from daemon.service.service_spec import ServiceSpec
from daemon.service.service_state import ServiceState, condition_of
from daemon.service.unit_file import place, read, take_away

SHOWN = ("ActiveState", "SubState", "MainPID", "ExecMainCode", "ExecMainStatus")
LINGERING = Path("/var/lib/systemd/linger")
NOT_LINGERING = "It runs while you are logged in. To have it run from boot on: sudo loginctl enable-linger {}"


class UserUnit:
    """One unit in the systemd of one user. `folder` is ~/.config/systemd/user."""

    launcher = "systemd"

    def __init__(
        self, systemctl: Tool, *, user: str, folder: Path, lingering: Path = LINGERING, unit: str = systemd.UNIT
    ) -> None:
        self._systemctl = systemctl
        self._unit = unit
        self._user = user
        self._lingering = lingering
        self.file = folder / self._unit

    @property
    def log_files(self) -> list[Path]:
        """None: what is said before the daemon has its own log is in the journal."""
        return []

    def rendered(self, plan: ServiceSpec) -> bytes:
        return systemd.render(plan)

    def stands(self, plan: ServiceSpec) -> bool:
        return read(self.file) == self.rendered(plan)

    def install(self, plan: ServiceSpec) -> list[str]:
        """Write the unit, stop an older daemon, start this one; what the person should know. Raises ServiceError."""
        self._must("show-environment")  # before anything is written: is there a systemd of this user at all?
        place(self.file, self.rendered(plan), systemd.is_ours)
        self._must("daemon-reload")
        self._must("enable", self._unit)
        self._systemctl("--user", "reset-failed", self._unit)
        self._must("restart", self._unit)
        return [] if (self._lingering / self._user).exists() else [NOT_LINGERING.format(self._user)]

    def uninstall(self) -> None:
        if read(self.file) is not None:
            self._must("disable", "--now", self._unit)
            take_away(self.file)
            self._must("daemon-reload")
            self._systemctl("--user", "reset-failed", self._unit)

    def start(self) -> None:
        self._systemctl("--user", "reset-failed", self._unit)
        self._must("start", self._unit)

    def stop(self) -> None:
        """Returns when the daemon has ended."""
        self._must("stop", self._unit)

    def state(self) -> ServiceState:
        told = systemd.facts(self._must("show", self._unit, f"--property={','.join(SHOWN)}").out)
        content, pid, code = read(self.file), systemd.pid_in(told), systemd.exit_code_in(told)
        state = ServiceState(
            condition_of(installed=content is not None, pid=pid, exit_code=code),
            self.launcher,
            self._unit,
            self.file,
            home=systemd.home_in(content) if content else None,
            program=systemd.program_in(content) if content else None,
        )
        detail = f"{told.get('ActiveState', '')} ({told.get('SubState', '')})"
        return replace(state, pid=pid, exit_code=code, domain="user", detail=detail)

    def _must(self, *arguments: str) -> CommandResult:
        answer = self._systemctl("--user", *arguments)
        if not answer.ok:
            raise ServiceError(f"systemctl --user {arguments[0]}: {answer.said}", advice=self._advice(answer))
        return answer

    def _advice(self, answer: CommandResult) -> str:
        if "connect to bus" not in answer.said:
            return f"systemd says more with: journalctl --user -u {self._unit}"
        return (
            "There is no systemd for this user here: log in as yourself (su and sudo do not count), or have it run "
            f"always: sudo loginctl enable-linger {self._user}"
        )
