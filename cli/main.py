"""The `smolwatch` command: finds the subcommand, and turns errors into one clear line and an exit code.

Exit codes: 0 ok · 1 failed · 2 wrong usage · 3 nothing found · 4 no daemon running · 5 not permitted ·
6 no model · 75 another daemon is running · 78 wrong configuration or database · 130 interrupted.
"""

from __future__ import annotations

import errno
import gc
import io
import json
import os
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from cli.options import JSON_KEY, HomeFolder
from config.errors import PermissionDeniedError, SmolwatchError
from config.safe_text import safe_text

#: In the order of need; each is the module of that name in cli.commands.
COMMANDS = (
    *"demo run ask status ls show why retry redo cancel pause resume".split(),
    *"add rescan recipes db model service doctor bench evaluate".split(),
)
INTERRUPTED = 130
#: Objects between two collections: imports make many and drop none, and a short command is mostly imports.
GC_THRESHOLD = 50_000
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
FREE_SPACE = "Free some space on it, then run the command again."


class Commands(click.Group):
    """Imports a command only when it is used, and gives every failure its exit code.

    A command returns its exit code; None is 0.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"cli.commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Names that are near an unknown one are suggested."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            code = super().invoke(ctx)
        except SmolwatchError as error:
            code = explain(error, as_json=ctx.meta.get(JSON_KEY, False))
        except (KeyboardInterrupt, click.Abort):
            code = INTERRUPTED
        except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
            raise  # click handles these
        except OSError as error:
            code = explain_refused(error, ctx.params["home"])
        except Exception as error:  # noqa: BLE001 - the last resort: one line for people, the traceback in the log
            code = explain_unexpected(error, ctx.params["home"])
        ctx.exit(code or 0)


def explain(error: SmolwatchError, *, as_json: bool = False) -> int:
    """One clear line on stderr, and a second that says what to do; with --json, also a document on stdout."""
    if as_json:
        document = {"error": str(error), "advice": error.advice, "exit_code": error.exit_code}
        click.echo(json.dumps({key: value for key, value in document.items() if value != ""}, indent=2))
    click.echo(f"smolwatch: {safe_text(str(error), lines=True)}", err=True)
    if error.advice:
        click.echo(f"  {safe_text(error.advice, lines=True)}", err=True)
    if debugging():
        traceback.print_exception(error)
    return error.exit_code


def explain_refused(error: OSError, home: Path | None = None) -> int:
    """The same for what the system refused."""
    known = sentence_of(error)
    return explain(known) if known else explain_unexpected(error, home)


def sentence_of(error: OSError) -> SmolwatchError | None:
    """What the system refused, as a sentence. None for what needs the log to be understood."""
    path = safe_text(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else ""
    if isinstance(error, PermissionError):
        return PermissionDeniedError(f"Permission denied: {path}" if path else "Permission denied.")
    if error.errno not in DISK_FULL:
        return None
    if path:
        return SmolwatchError(f"The disk of {path} is full.", advice=FREE_SPACE)
    drop_output()
    return SmolwatchError("The output could not be written: its disk is full.", advice=FREE_SPACE)


def drop_output() -> None:
    """What is left in the buffer of stdout cannot be written either, and would fail again at the end of Python."""
    with suppress(OSError, ValueError):  # there may be no stdout
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def explain_unexpected(error: Exception, home: Path | None) -> int:
    """The name of an error that is not foreseen, and where the log is. The traceback only with SMOLWATCH_DEBUG."""
    if isinstance(error, OSError) and isinstance(error.filename, bytes):  # else it is shown as b'…'
        error.filename = os.fsdecode(error.filename)
    click.echo(f"smolwatch: unexpected error: {safe_text(f'{type(error).__name__}: {error}')}", err=True)
    log = (home or Path(os.environ.get("SMOLWATCH_HOME") or "~/SmolWatch").expanduser()) / "logs" / "smolwatch.log"
    click.echo(f"  Details may be in the log: {safe_text(str(log))} (SMOLWATCH_DEBUG=1 shows the traceback)", err=True)
    if debugging():
        traceback.print_exception(error)
    return 1


def debugging() -> bool:
    return os.environ.get("SMOLWATCH_DEBUG", "") not in ("", "0")


def show_version(ctx: click.Context, _: click.Parameter, is_given: bool) -> None:
    if is_given:
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
    help="Folder with inbox, config, data and logs (default: SMOLWATCH_HOME, else ~/SmolWatch).",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=show_version, help="Show the version."
)
@click.pass_context
def smolwatch(ctx: click.Context, home: Path | None) -> None:
    """Describe every picture and video that lands in an inbox folder, on this machine alone."""
    ctx.obj = home
    warn_of_misspelt_variables()


def warn_of_misspelt_variables() -> None:
    """One line on stderr for each variable that chooses nothing and is nearly one that does."""
    from config.keys import misspelt_variables

    for name, meant in misspelt_variables(os.environ).items():
        click.echo(f"smolwatch: {safe_text(name)} is not a setting and is ignored; did you mean {meant}?", err=True)


def main() -> None:
    """The console script. Characters that the terminal cannot show are escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    gc.set_threshold(GC_THRESHOLD)
    try:
        smolwatch(prog_name="smolwatch")
    except OSError as error:  # of the help, which is written before any command
        sys.exit(explain_refused(error))
    finally:
        gc.freeze()  # the memory is freed with the process: Python's last collection has nothing to look for


if __name__ == "__main__":
    main()
