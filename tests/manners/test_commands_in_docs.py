"""Every command and exit code is documented, and every command line in a page can be typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from cli.main import COMMANDS, smolwatch
from config.errors import SmolwatchError
from tests.support.checkout import pages

EXIT_CODES = (0, 1, 2, 3, 4, 5, 6, 75, 78, 130)
DOCS = "\n".join(text for path, text in pages().items() if path.startswith(("README.md", "docs/")))
CONTEXT = click.Context(smolwatch)
FENCED = re.compile(r"^ *```sh\n(.*?)^ *```", re.M | re.S)
INLINE = re.compile(r"`(smolwatch [^`\n]+)`")


def commands() -> list[str]:
    """Every command as it is typed."""
    found = []
    for name in COMMANDS:
        command = smolwatch.get_command(CONTEXT, name)
        children = command.list_commands(CONTEXT) if isinstance(command, click.Group) else [""]
        found += [f"smolwatch {name} {child}".strip() for child in children]
    return found


def command_lines() -> Iterator[str]:
    """What pages tell people to type: in code within a line, and in blocks of shell commands."""
    yield from (line.replace("\\|", "|") for line in INLINE.findall(DOCS))
    for block in FENCED.findall(DOCS):
        yield from (line.strip() for line in block.splitlines() if line.strip().startswith("smolwatch "))


def error_classes(above: type[SmolwatchError] = SmolwatchError) -> Iterator[type[SmolwatchError]]:
    yield above
    for below in above.__subclasses__():
        yield from error_classes(below)


@pytest.mark.parametrize("typed", commands())
def test_every_command_is_in_a_table_of_the_docs(typed: str) -> None:
    assert f"| `{typed}" in DOCS


@pytest.mark.parametrize("code", EXIT_CODES)
def test_every_exit_code_is_in_the_docs(code: int) -> None:
    assert f"| {code} |" in pages()["docs/operate.md"]


def test_no_error_has_an_exit_code_that_is_not_documented() -> None:
    assert {error.exit_code for error in error_classes()} <= set(EXIT_CODES)


@pytest.mark.parametrize("line", sorted(set(command_lines())))
def test_every_command_line_in_the_docs_names_a_command_and_options_that_exist(line: str) -> None:
    words = [part for part in shlex.split(line, comments=True)[1:] if part != "--version"]
    name, *arguments = (words[2:] if words[:1] == ["--home"] else words) or [""]
    if name in ("", "COMMAND"):
        return
    command = smolwatch.get_command(CONTEXT, name)
    assert command is not None, name
    if isinstance(command, click.Group) and arguments:
        command = command.get_command(CONTEXT, arguments.pop(0))
        assert command is not None, line
    known = {option for parameter in command.params for option in parameter.opts}
    missing = {part for part in arguments if part.startswith("-")} - known
    assert missing == set()
