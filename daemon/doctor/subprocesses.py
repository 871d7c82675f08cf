"""Programs of ours in processes of their own, found where this one was found, whatever the current folder holds."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from typing import Any

from daemon.child_process import command_of, environ_of

PATIENCE_SECONDS = 120.0


class NoOutputError(Exception):
    """The program did not say what it was asked; the message is its last line."""


def told_by(
    module: str, *arguments: str, environ: Mapping[str, str] = os.environ, patience: float = PATIENCE_SECONDS
) -> dict[str, Any]:
    """The document that a program of ours prints within so many seconds. Raises Silent."""
    try:
        done = subprocess.run(
            command_of(module, *arguments),
            env=environ_of(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=patience,
            check=False,
        )
        document: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise NoOutputError(f"no answer within {patience:.0f} s") from error
    except ValueError as error:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise NoOutputError(words[-1] if words else f"exit code {done.returncode}") from error
    return document
