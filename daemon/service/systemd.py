"""The user unit, and the output of `systemctl show` as values. Pure. Keys: systemd.service(5), systemd.exec(5)."""

from __future__ import annotations

import re
from pathlib import Path

from config.errors import ConfigError
from daemon.service.service_spec import ServiceSpec

FORBIDDEN = re.compile(r"""['"\\]""")
UNIT = "smolwatch.service"
#: systemd ignores keys that begin with X-; this one marks a unit as ours, and holds its home.
HOME_KEY = "X-Smolwatch-Home="


def render(spec: ServiceSpec) -> bytes:
    """The unit's bytes.

    ProtectSystem works where the kernel allows it to a user's systemd; elsewhere systemd starts without it.
    Raises ConfigError for a program path that systemd cannot run.
    """
    if FORBIDDEN.search(str(spec.program)):
        raise ConfigError(
            f"systemd cannot run a program whose path holds quotes or backslashes: {spec.program}",
            advice="Install smolwatch in a folder with a simpler name.",
        )
    command = " ".join(quoted(argument) for argument in spec.arguments("systemd"))
    environment = "\n".join(f"Environment={quoted(f'{name}={value}')}" for name, value in spec.environment.items())
    writable = " ".join(quoted(f"-{folder}") for folder in dict.fromkeys((spec.home, *spec.folders, Path("/tmp"))))
    return f"""\
[Unit]
Description=smolwatch describes what lands in its inbox
{HOME_KEY}{quoted(str(spec.home))}

[Service]
Type=exec
ExecStart=:{command}
{environment}
Restart=on-failure
RestartSec=30
RestartPreventExitStatus=75 78
OOMPolicy=continue
KillMode=mixed
TimeoutStopSec=20
UMask=0077
Nice=19
IOSchedulingClass=best-effort
IOSchedulingPriority=7
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths={writable}

[Install]
WantedBy=default.target
""".encode()


def quoted(word: str) -> str:
    """One word of a unit, with quotes, backslashes and systemd's % escaped.

    $ needs no escape: the colon before the command turns expansion off there, and elsewhere there is none.
    """
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def unquoted(word: str) -> str:
    return re.sub(r"\\(.)", r"\1", word[1:-1]).replace("%%", "%")


def is_ours(content: bytes) -> bool:
    return HOME_KEY.encode() in content


def home_in(content: bytes) -> Path | None:
    for line in content.decode(errors="replace").splitlines():
        if line.startswith(HOME_KEY):
            return Path(unquoted(line.removeprefix(HOME_KEY)))
    return None


def program_in(content: bytes) -> Path | None:
    """The program that a unit of ours starts."""
    found = re.search(r'^ExecStart=:("(?:[^"\\]|\\.)*")', content.decode(errors="replace"), re.MULTILINE)
    return Path(unquoted(found[1])) if found else None


def facts(shown: str) -> dict[str, str]:
    """The lines of `systemctl show`: NAME=value."""
    return dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)


def pid_in(properties: dict[str, str]) -> int | None:
    return int(properties.get("MainPID") or 0) or None


def exit_code_in(properties: dict[str, str]) -> int | None:
    """The last end: ExecMainCode is 1 for an exit and 2 or 3 for a signal; 0: it never ended."""
    status, how = int(properties.get("ExecMainStatus") or 0), properties.get("ExecMainCode", "0")
    return {"0": None, "1": status}.get(how, -status)
