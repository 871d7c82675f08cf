"""The service on macOS: a launch agent of this user, controlled with `launchctl`.

`launchctl` returns before launchd has finished, so the output of a later `print` decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from daemon.errors import ServiceError
from daemon.service import launchd
from daemon.service.command import Command, CommandResult
from daemon.service.service_spec import ServiceSpec
from daemon.service.service_state import ServiceState, condition_of
from daemon.service.unit_file import read, remove, write

POLL_SECONDS = 0.25
#: launchd gives a daemon 60 s (ExitTimeOut) before it kills it.
GONE_SECONDS = 70.0
#: Pauses before each further `bootstrap` after errno 5, in seconds.
RETRIES = (0.5, 1.0, 2.0, 4.0, 8.0)
#: Errors of bootstrap while an older job of that name is still loaded: EIO and EALREADY.
STILL_LOADED = {5, 37}
#: The cures for a lasting errno 5, from https://github.com/Homebrew/homebrew-services,
#: issues 321, 528 and 861.
REFUSED = (
    "Open System Settings > General > Login Items & Extensions, and switch python or smolwatch on under Allow in the "
    "Background. If smolwatch or its home is on an external disk, move it to the internal disk: at login launchd "
    "starts nothing from other disks. Then: smolwatch service start"
)
WITHOUT_SCREEN = (
    "No user is logged in at this Mac's screen, so the service was installed in the user's own domain: it runs "
    "without the GPU. To use the GPU, log in at the screen and run this again: smolwatch service install"
)


class LaunchAgent:
    """One label in the domains of one user. `folder` is ~/Library/LaunchAgents, `logs` ~/Library/Logs/smolwatch."""

    launcher = "launchd"

    def __init__(
        self,
        launchctl: Command,
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

    def rendered(self, spec: ServiceSpec, *, background: bool = False) -> bytes:
        return launchd.render(spec, label=self._label, logs=self._logs, background=background)

    def is_current(self, spec: ServiceSpec) -> bool:
        content = read(self.file)
        return content is not None and content == self.rendered(spec, background=launchd.is_background(content))

    def install(self, spec: ServiceSpec) -> list[str]:
        """Write the plist, stop an older daemon, start this one; notes for the user. Raises ServiceError."""
        gui, user = self._domains
        background = not self._launchctl("print", gui).ok
        self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)  # launchd starts nothing whose log has no folder
        write(self.file, self.rendered(spec, background=background), lambda old: launchd.is_ours(old, self._label))
        self.stop()
        self._bring_up(user if background else gui)
        return [WITHOUT_SCREEN] if background else []

    def uninstall(self) -> None:
        self.stop()
        remove(self.file)

    def start(self) -> None:
        """Start a loaded job; load one that is not loaded, which starts it."""
        if (domain := self._loaded_in()) is not None:
            self._must(self._launchctl("kickstart", self._target(domain)), "start")
        else:
            gui, user = self._domains
            self._bring_up(user if launchd.is_background(read(self.file) or b"") else gui)

    def stop(self) -> None:
        """Unload the job in every domain: launchd sends SIGTERM, waits, and does not restart it."""
        for domain in self._domains:
            if self._properties(domain) is not None:
                self._boot_out(domain)

    def state(self) -> ServiceState:
        domain = self._loaded_in()
        properties = (self._properties(domain) if domain else None) or {}
        content, pid, code = read(self.file), launchd.pid_in(properties), launchd.exit_code_in(properties)
        state = ServiceState(
            condition_of(installed=content is not None, pid=pid, exit_code=code),
            self.launcher,
            self._label,
            self.file,
            home=launchd.home_in(content) if content else None,
            program=launchd.program_in(content) if content else None,
        )
        return replace(state, pid=pid, exit_code=code, domain=domain, detail=properties.get("state", ""))

    def _bring_up(self, domain: str) -> None:
        """enable, bootstrap; where an old job is in the way (errno 5): boot it out, wait, try again, then kickstart."""
        self._launchctl("enable", self._target(domain))
        result = self._launchctl("bootstrap", domain, str(self.file))
        for pause in RETRIES:
            if result.ok or launchd.error_number(result.code, result.message) not in STILL_LOADED:
                break
            self._boot_out(domain)
            self._pause(pause)
            result = self._launchctl("bootstrap", domain, str(self.file))
        if not result.ok and not self._launchctl("kickstart", "-k", self._target(domain)).ok:
            self._must(result, "load")

    def _boot_out(self, domain: str) -> None:
        """Returns when launchd no longer lists the job: the result of `bootout` itself is not reliable."""
        result = self._launchctl("bootout", self._target(domain))
        for _ in range(round(GONE_SECONDS / POLL_SECONDS)):
            if self._properties(domain) is None:
                return
            self._pause(POLL_SECONDS)
        raise ServiceError(
            f"launchd still has {self._label} after {GONE_SECONDS:.0f} s ({result.message}).",
            advice="Log out and in again, then run this command again.",
        )

    def _loaded_in(self) -> str | None:
        return next((domain for domain in self._domains if self._properties(domain) is not None), None)

    def _properties(self, domain: str) -> dict[str, str] | None:
        """The properties of the job in that domain; None: it is not loaded."""
        result = self._launchctl("print", self._target(domain))
        return launchd.facts(result.out) if result.ok else None

    def _target(self, domain: str) -> str:
        return f"{domain}/{self._label}"

    def _must(self, result: CommandResult, verb: str) -> None:
        if not result.ok:
            is_refused = launchd.error_number(result.code, result.message) in STILL_LOADED
            way_out = REFUSED if is_refused else "Log out and in again, then: smolwatch service start"
            raise ServiceError(
                f"launchd did not {verb} the service: {result.message}", advice=f"{way_out}. The plist is {self.file}"
            )
