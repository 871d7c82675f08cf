"""A plan whose paths hold what has to be escaped somewhere."""

from __future__ import annotations

from pathlib import Path

from daemon.service.service_spec import ServiceSpec

HOME = Path('/Users/Jörg Müller/100% "fun" & $HOME <x> \\')
#: Without quotes and backslashes: systemd runs no such program.
PROGRAM = Path("/Programme für 100% $HOME/bin/smolwatch")
PLAN = ServiceSpec(
    program=PROGRAM,
    home=HOME / "SmolWatch",
    folders=(HOME / "Büro Eingang",),
    environment={
        "PATH": f"{PROGRAM.parent}:/usr/bin:/bin:/usr/sbin:/sbin",
        "HF_HOME": f"{HOME}/.cache/huggingface",
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
    },
)
