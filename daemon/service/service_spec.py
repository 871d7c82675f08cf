"""What the system is asked to run: the program, its home, and the environment that it finds there.

A service starts with next to no environment, in no folder, and without a shell, so everything here is absolute.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.errors import ConfigError
from config.keys import PREFIX
from config.settings import Settings
from daemon.errors import ServiceError

#: Where the hub's cache is, if somebody moved it.
CACHES = ("HF_HOME", "HF_HUB_CACHE")
#: What the system itself has; the daemon starts no other program.
SYSTEM_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"


@dataclass(frozen=True)
class ServiceSpec:
    """One daemon, as a service runs it. All paths are absolute, and hold nothing that a unit or plist cannot.

    `errand`: words of a command that is run in the daemon's stead.
    """

    program: Path
    home: Path
    inbox: Path
    environment: Mapping[str, str]
    errand: Sequence[str] = ()

    def arguments(self, launcher: str) -> list[str]:
        """The whole command line; `launcher` is what every description will say of how it was started."""
        return [str(self.program), "--home", str(self.home), *(self.errand or ("run", "--launched-by", launcher))]


def plan_for(settings: Settings, environ: Mapping[str, str], *, program: Path | None = None) -> ServiceSpec:
    """The daemon of this home, by the command of the environment that runs now.

    Raises ServiceError when smolwatch is not installed as a command, ConfigError when a path cannot be written down.
    """
    program = program or Path(sys.executable).with_name("smolwatch")
    if not program.is_file():
        advice = "Install it as an application: pipx install . (or uv tool install .)"
        raise ServiceError(f"There is no smolwatch command at {program}.", advice=advice)
    environment = {
        "PATH": f"{program.parent}:{SYSTEM_PATH}",
        "HF_HOME": str(Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "huggingface")),
        **{name: str(Path(environ[name]).expanduser().absolute()) for name in CACHES if environ.get(name)},
        "HF_HUB_OFFLINE": "1",  # the daemon never fetches anything; `smolwatch model pull` does
        "PYTHONUNBUFFERED": "1",
    }
    plan = ServiceSpec(program, settings.home, settings.inbox_path, environment)
    for text in (*plan.arguments(""), str(plan.inbox), *environment.values()):
        check_writable_down(text)
    return plan


def check_writable_down(text: str) -> None:
    """Raises ConfigError for what a plist or a unit cannot say: control characters, and bytes that are no text."""
    if any(ord(sign) < 32 or 0x7F <= ord(sign) < 0xA0 or 0xD800 <= ord(sign) < 0xE000 for sign in text):
        raise ConfigError(
            f"A service cannot be told this path: {text!r}.",
            advice="Give the folder a name that is text, without control characters.",
        )


def left_behind(environ: Mapping[str, str]) -> list[str]:
    """Names of settings that hold in this terminal alone: a service does not see them."""
    return sorted(name for name in environ if name.startswith(PREFIX) and "__" in name)
