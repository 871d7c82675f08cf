"""Runs probe modules in processes of their own, from the same installation whatever the current folder is."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from typing import Any

from daemon.child_process import command_of, environ_of

TIMEOUT_SECONDS = 120.0


class NoOutputError(Exception):
    """The probe printed no document; the message is its last line of stderr."""


def run_probe(
    module: str, *arguments: str, environ: Mapping[str, str] = os.environ, timeout: float = TIMEOUT_SECONDS
) -> dict[str, Any]:
    """The JSON document that the probe prints within `timeout` seconds. Raises NoOutputError."""
    try:
        done = subprocess.run(
            command_of(module, *arguments),
            env=environ_of(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        document: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise NoOutputError(f"no answer within {timeout:.0f} s") from error
    except ValueError as error:
        text = done.stderr.decode(errors="replace").strip().splitlines()
        raise NoOutputError(text[-1] if text else f"exit code {done.returncode}") from error
    return document
