"""The service on macOS: a launch agent of this user, spoken to through `launchctl`.

launchd answers before it has done what it was asked, so what counts is what `print` says afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from daemon.errors import ServiceError
from daemon.service import launchd
from daemon.service.command import CommandResult, Tool
from daemon.service.service_spec import ServiceSpec
from daemon.service.service_state import ServiceState, condition_of
from daemon.service.unit_file import place, read, take_away

LOOK_SECONDS = 0.25
#: launchd gives a daemon 60 s (ExitTimeOut) before it kills it.
GONE_SECONDS = 70.0
#: Pauses before each further `bootstrap` after errno 5.
RETRIES = (0.5, 1.0, 2.0, 4.0, 8.0)
#: What bootstrap answers while an older job of that name is still there: EIO, and EALREADY.
STILL_THERE = {5, 37}
#: What a person can do about an errno 5 that stays, as others found out: https://github.com/Homebrew/homebrew-services,
#: issues 321, 528 and 861.
REFUSED = (
    "Open System Settings > General > Login Items & Extensions, and switch python or smolwatch on under Allow in the "
    "Background. If smolwatch or its home is on an external disk, put it on the Mac's own: launchd starts nothing from "
    "other disks at login. Then: smolwatch service start"
)
WITHOUT_SCREEN = (
    "Nobody is logged in at this Mac's screen, so the service was put into the user's own domain: it runs without the "
    "GPU. When you can, log in at the screen and type once more: smolwatch service install"
)


class LaunchAgent:
    """One label in the domains of one user. `folder` is ~/Library/LaunchAgents, `logs` ~/Library/Logs/smolwatch."""

    launcher = "launchd"

    def __init__(
        self,
        launchctl: Tool,
        *,
        uid: int,
        folder: Path,
        logs: Path,
        label: str = launchd.LABEL,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._launchctl = launchctl
        self._domains = (f"gui/{uid}", f"user/{uid}")
        self._label = label
        self._logs = logs
        self._pause = pause
        self.file = folder / f"{label}.plist"

    @property
    def log_files(self) -> list[Path]:
        return [self._logs / "launchd.out.log", self._logs / "launchd.err.log"]

    def rendered(self, plan: ServiceSpec, *, background: bool = False) -> bytes:
        return launchd.render(plan, label=self._label, logs=self._logs, background=background)

    def stands(self, plan: ServiceSpec) -> bool:
        content = read(self.file)
        return content is not None and content == self.rendered(plan, background=launchd.is_background(content))

    def install(self, plan: ServiceSpec) -> list[str]:
        """Write the plist, stop an older daemon, start this one; what the person should know. Raises ServiceError."""
        gui, user = self._domains
        background = not self._launchctl("print", gui).ok
        self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)  # launchd starts nothing whose log has no folder
        place(self.file, self.rendered(plan, background=background), lambda old: launchd.is_ours(old, self._label))
        self.stop()
        self._bring_up(user if background else gui)
        return [WITHOUT_SCREEN] if background else []

    def uninstall(self) -> None:
        self.stop()
        take_away(self.file)

    def start(self) -> None:
        """A loaded job is started, one that is not loaded is loaded, which starts it."""
        if (domain := self._loaded_in()) is not None:
            self._must(self._launchctl("kickstart", self._target(domain)), "start")
        else:
            gui, user = self._domains
            self._bring_up(user if launchd.is_background(read(self.file) or b"") else gui)

    def stop(self) -> None:
        """Unload the job wherever it is loaded: launchd asks the daemon to end, waits, and starts nothing again."""
        for domain in self._domains:
            if self._told(domain) is not None:
                self._boot_out(domain)

    def state(self) -> ServiceState:
        domain = self._loaded_in()
        told = (self._told(domain) if domain else None) or {}
        content, pid, code = read(self.file), launchd.pid_in(told), launchd.exit_code_in(told)
        state = ServiceState(
            condition_of(installed=content is not None, pid=pid, exit_code=code),
            self.launcher,
            self._label,
            self.file,
            home=launchd.home_in(content) if content else None,
            program=launchd.program_in(content) if content else None,
        )
        return replace(state, pid=pid, exit_code=code, domain=domain, detail=told.get("state", ""))

    def _bring_up(self, domain: str) -> None:
        """enable, bootstrap; where an old job is in the way (errno 5): boot it out, wait, try again, then kickstart."""
        self._launchctl("enable", self._target(domain))
        answer = self._launchctl("bootstrap", domain, str(self.file))
        for pause in RETRIES:
            if answer.ok or launchd.error_number(answer.code, answer.said) not in STILL_THERE:
                break
            self._boot_out(domain)
            self._pause(pause)
            answer = self._launchctl("bootstrap", domain, str(self.file))
        if not answer.ok and not self._launchctl("kickstart", "-k", self._target(domain)).ok:
            self._must(answer, "load")

    def _boot_out(self, domain: str) -> None:
        """Returns when launchd no longer knows the job: what `bootout` itself answers means little."""
        answer = self._launchctl("bootout", self._target(domain))
        for _ in range(round(GONE_SECONDS / LOOK_SECONDS)):
            if self._told(domain) is None:
                return
            self._pause(LOOK_SECONDS)
        raise ServiceError(
            f"launchd still has {self._label} after {GONE_SECONDS:.0f} s ({answer.said}).",
            advice="Log out and in again, then type the same command.",
        )

    def _loaded_in(self) -> str | None:
        return next((domain for domain in self._domains if self._told(domain) is not None), None)

    def _told(self, domain: str) -> dict[str, str] | None:
        """What launchd says of the job in that domain; None: it is not there."""
        answer = self._launchctl("print", self._target(domain))
        return launchd.facts(answer.out) if answer.ok else None

    def _target(self, domain: str) -> str:
        return f"{domain}/{self._label}"

    def _must(self, answer: CommandResult, verb: str) -> None:
        if not answer.ok:
            is_refused = launchd.error_number(answer.code, answer.said) in STILL_THERE
            way_out = REFUSED if is_refused else "Log out and in again, then: smolwatch service start"
            raise ServiceError(
                f"launchd did not {verb} the service: {answer.said}", advice=f"{way_out}. The plist is {self.file}"
            )
