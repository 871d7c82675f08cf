"""`smolwatch doctor`: what would go wrong, before it does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from cli.options import json_option
from cli.render import say, say_json
from config.text import safe_text
from config.version import own_version
from daemon.clock import SystemClock
from daemon.doctor.line import Line, exit_code
from storage.records import present


@click.command(short_help="Find what would go wrong, and say what to do.")
@json_option
@click.pass_obj
def command(home: Path | None, as_json: bool) -> int:
    """Look at everything that smolwatch needs, and say what to do where something is wrong. Changes nothing.

    The exit code is 1 when there is a problem; warnings are worth reading and no failure.
    """
    from daemon.doctor.checkup import lines_of, look

    lines = lines_of(look(home, os.environ, SystemClock().now()))
    if as_json:
        say_json(document(lines))
    else:
        show(lines)
    return exit_code(lines)


def document(lines: Sequence[Line]) -> dict[str, Any]:
    """The same for programs."""
    return {"smolwatch": own_version(), "exit_code": exit_code(lines), "lines": [words(line) for line in lines]}


def words(line: Line) -> dict[str, Any]:
    return present(name=line.name, verdict=str(line.verdict), words=line.words, advice=line.advice or None)


def show(lines: Sequence[Line]) -> None:
    width = max(len(line.verdict) for line in lines)
    names = max(len(line.name) for line in lines)
    for line in lines:
        say(f"{line.verdict:<{width}}  {line.name:<{names}}  {safe_text(line.words)}")
        if line.advice:
            say(f"{'':<{width + names + 2}}  {safe_text(line.advice)}")
