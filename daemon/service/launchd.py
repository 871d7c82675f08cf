"""The launch agent's plist, and the output of `launchctl print` as values. Pure.

Keys: launchd.plist(5). Written from its manual and from reports; not tried on a Mac.
"""

from __future__ import annotations

import plistlib
import re
from pathlib import Path
from typing import Any

from daemon.service.service_spec import ServiceSpec

LABEL = "io.github.smolwatch.smolwatch"
#: In a plist for the user's own domain, which is there without a graphical login: there is no GPU in it.
BACKGROUND = "Background"
BLOCK = ("= {", "=> {")


def render(spec: ServiceSpec, *, label: str, logs: Path, background: bool = False) -> bytes:
    """The plist's bytes. `logs` is the folder for output from before the daemon opens its log."""
    content: dict[str, Any] = {
        "Label": label,
        "ProgramArguments": spec.arguments("launchd"),
        "EnvironmentVariables": dict(spec.environment),
        "RunAtLoad": True,
        # Restart after a crash, but not after a clean end, which includes errors that a restart does not cure.
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 30,
        # launchd's default is 5 s, too short to finish the current file; above 60 s it is cut to 60.
        "ExitTimeOut": 60,
        # "Background" and no type at all throttle the GPU's feeder, up to eightfold.
        "ProcessType": "Interactive",
        "LowPriorityIO": True,
        # Reading the attributes of a file in iCloud does not download it.
        "MaterializeDatalessFiles": False,
        "Umask": 0o077,
        "StandardOutPath": str(logs / "launchd.out.log"),
        "StandardErrorPath": str(logs / "launchd.err.log"),
    }
    if background:
        content["LimitLoadToSessionType"] = BACKGROUND
    return plistlib.dumps(content, sort_keys=False)


def is_ours(content: bytes, label: str) -> bool:
    """Whether a file at the plist's path is one of ours."""
    return f"<string>{label}</string>".encode() in content


def home_in(content: bytes) -> Path | None:
    """The home that a plist of ours serves."""
    try:
        arguments = plistlib.loads(content)["ProgramArguments"]
        return Path(arguments[arguments.index("--home") + 1])
    except (plistlib.InvalidFileException, ValueError, LookupError, TypeError, AttributeError):
        return None


def program_in(content: bytes) -> Path | None:
    """The program that a plist of ours starts."""
    try:
        return Path(plistlib.loads(content)["ProgramArguments"][0])
    except (plistlib.InvalidFileException, ValueError, LookupError, TypeError, AttributeError):
        return None


def is_background(content: bytes) -> bool:
    return f"<string>{BACKGROUND}</string>".encode() in content


def facts(printed: str) -> dict[str, str]:
    """The service's own lines of `launchctl print`, without those of nested blocks (which have states, too).

    Its manual says that the output is not an interface, so every key is optional.
    """
    found: dict[str, str] = {}
    depth = 0
    for line in map(str.strip, printed.splitlines()):
        if line.endswith(BLOCK):
            depth += 1
        elif line == "}":
            depth -= 1
        elif depth == 1 and " = " in line:
            name, _, value = line.partition(" = ")
            found.setdefault(name, value)
    return found


def pid_in(properties: dict[str, str]) -> int | None:
    return number(properties.get("pid", ""))


def exit_code_in(properties: dict[str, str]) -> int | None:
    """The last end: "0", "78: EX_CONFIG", "(never exited)"; a signal is "Killed: 9" in a line of its own."""
    if (signal := re.search(r"(\d+)$", properties.get("last terminating signal", ""))) is not None:
        return -int(signal[1])
    return number(properties.get("last exit code", ""))


def number(text: str) -> int | None:
    """The leading digits of a value."""
    digits = re.match(r"\d+", text)
    return int(digits[0]) if digits else None


def error_number(code: int, message: str) -> int:
    """The errno in "Bootstrap failed: 5: Input/output error", which can differ from the exit code; else `code`."""
    named = re.search(r"failed: (\d+):", message)
    return int(named[1]) if named else code
