"""What the service runs: the program, its home and its environment.

A service starts with an almost empty environment, in no folder and without a shell, so all paths are absolute.
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

#: Variables that move the hub's cache.
CACHES = ("HF_HOME", "HF_HUB_CACHE")
#: The system's own programs; the daemon starts no others.
SYSTEM_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"


@dataclass(frozen=True)
class ServiceSpec:
    """One daemon as a service. All paths are absolute and can be written in a unit or plist.

    `folders`: the inboxes and their outputs, which it writes into. `one_shot`: arguments of a command that runs once in
    place of the daemon.
    """

    program: Path
    home: Path
    folders: tuple[Path, ...]
    environment: Mapping[str, str]
    one_shot: Sequence[str] = ()

    def arguments(self, launcher: str) -> list[str]:
        """The whole command line; every description holds `launcher`."""
        return [str(self.program), "--home", str(self.home), *(self.one_shot or ("run", "--launched-by", launcher))]


def spec_for(settings: Settings, environ: Mapping[str, str], *, program: Path | None = None) -> ServiceSpec:
    """The daemon of this home, with the `smolwatch` command of the running environment.

    Raises ServiceError when smolwatch is not installed as a command, ConfigError for a path that no unit can hold.
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
    outputs = (inbox.output for inbox in settings.inboxes if inbox.output is not None)
    folders = (*(inbox.path for inbox in settings.inboxes), *outputs)
    spec = ServiceSpec(program, settings.home, folders, environment)
    for text in (*spec.arguments(""), *map(str, folders), *environment.values()):
        check_representable(text)
    return spec


def check_representable(text: str) -> None:
    """Raises ConfigError for what a plist or unit cannot hold: control characters, and bytes that are not text."""
    if any(ord(sign) < 32 or 0x7F <= ord(sign) < 0xA0 or 0xD800 <= ord(sign) < 0xE000 for sign in text):
        raise ConfigError(
            f"A service cannot use this path: {text!r}.",
            advice="Rename the folder: only text without control characters is possible.",
        )


def unseen_settings(environ: Mapping[str, str]) -> list[str]:
    """Variables of settings in this terminal's environment: the service does not see them."""
    return sorted(name for name in environ if name.startswith(PREFIX) and "__" in name)
