from __future__ import annotations

import click
import pytest

from cli.main import COMMANDS, smolwatch
from tests.support.checkout import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
EXIT_CODES = (0, 1, 2, 3, 4, 5, 6, 75, 78, 130)


def spoken() -> list[str]:
    """Every command as it is typed."""
    context = click.Context(smolwatch)
    found = []
    for name in COMMANDS:
        command = smolwatch.get_command(context, name)
        inner = command.list_commands(context) if isinstance(command, click.Group) else [""]
        found += [f"smolwatch {name} {part}".strip() for part in inner]
    return found


@pytest.mark.parametrize("typed", spoken())
def test_every_command_is_in_the_readme(typed: str) -> None:
    assert typed in README


@pytest.mark.parametrize("code", EXIT_CODES)
def test_every_exit_code_is_in_the_readme(code: int) -> None:
    assert f"| {code} |" in README
