"""The `smolwatch` command: finds the command that is named, and turns errors into one clear line and an exit code.

Exit codes: 0 well · 1 failed · 2 wrong usage · 3 nothing found · 4 no daemon runs · 5 not permitted ·
6 no model · 75 another daemon runs · 78 wrong configuration or database · 130 interrupted.
"""

from __future__ import annotations

import gc
import io
import os
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from cli.options import HomeFolder
from config.errors import PermissionDeniedError, SmolwatchError
from config.safe_text import safe_text

#: In the order in which they are needed; each is the module of that name in cli.commands.
COMMANDS = tuple("demo run status ls show why retry add rescan db model service doctor bench".split())
INTERRUPTED = 130
#: Objects between two looks for garbage: imports make many and drop none, and a short command is mostly imports.
GARBAGE = 50_000


class Commands(click.Group):
    """Imports a command only when it is named, and gives every failure its exit code.

    A command returns its exit code; None is 0.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"cli.commands.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            code = super().invoke(ctx)
        except SmolwatchError as error:
            code = explain(error)
        except (KeyboardInterrupt, click.Abort):
            code = INTERRUPTED
        except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
            raise  # click's own affair
        except PermissionError as error:
            code = explain(PermissionDeniedError(safe_text(f"{error.filename or 'This'}: {error.strerror}")))
        except Exception as error:
            code = explain_unexpected(error, ctx.params["home"])
        ctx.exit(code or 0)


def explain(error: SmolwatchError) -> int:
    """One clear line on stderr, and a second that says what to do."""
    click.echo(f"smolwatch: {safe_text(str(error), lines=True)}", err=True)
    if error.advice:
        click.echo(f"  {safe_text(error.advice, lines=True)}", err=True)
    if debugging():
        traceback.print_exception(error)
    return error.exit_code


def explain_unexpected(error: Exception, home: Path | None) -> int:
    """What nobody foresaw: its name, and where to look. The traceback only for those who ask."""
    click.echo(f"smolwatch: something unexpected went wrong: {safe_text(f'{type(error).__name__}: {error}')}", err=True)
    log = (home or Path(os.environ.get("SMOLWATCH_HOME") or "~/SmolWatch").expanduser()) / "logs" / "smolwatch.log"
    click.echo(f"  The log may say more: {safe_text(str(log))} (SMOLWATCH_DEBUG=1 shows the traceback)", err=True)
    if debugging():
        traceback.print_exception(error)
    return 1


def debugging() -> bool:
    return os.environ.get("SMOLWATCH_DEBUG", "") not in ("", "0")


def say_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            click.echo(f"smolwatch {version('smolwatch')}")
        except PackageNotFoundError:
            click.echo("smolwatch, not installed")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home",
    type=HomeFolder(),
    help="The folder with inbox, config, data and logs (else SMOLWATCH_HOME, else ~/SmolWatch).",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=say_version, help="Say the version."
)
@click.pass_context
def smolwatch(ctx: click.Context, home: Path | None) -> None:
    """Describes every picture and video that lands in an inbox folder, on this machine alone."""
    ctx.obj = home
    warn_of_misspelt_variables()


def warn_of_misspelt_variables() -> None:
    """One line on stderr for each variable that chooses nothing and is nearly one that does."""
    from config.keys import misspelt_variables

    for name, meant in misspelt_variables(os.environ).items():
        click.echo(f"smolwatch: {safe_text(name)} is not a setting and is ignored; did you mean {meant}?", err=True)


def main() -> None:
    """The console script. What a terminal cannot show is written out rather than failed on."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    gc.set_threshold(GARBAGE)
    smolwatch(prog_name="smolwatch")


if __name__ == "__main__":
    main()
