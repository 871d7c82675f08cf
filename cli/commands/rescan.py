"""`smolwatch rescan`: the running daemon lists its inbox now."""

from __future__ import annotations

from pathlib import Path

import click

from cli.options import json_option
from cli.render import say, say_json
from config.load import load_settings
from config.safe_text import safe_text


@click.command(short_help="Check the inbox for new files now.")
@click.option("--hash", "compare", is_flag=True, help="Also read every described file, to find changed content.")
@json_option
@click.pass_obj
def command(home: Path | None, compare: bool, as_json: bool) -> None:
    """Check all inboxes for new files now, and restore missing sidecars. A daemon must be running.

    With --hash it also reads every described file, which finds content that changed while size and date did not; such
    files are described again. Ctrl-C ends the waiting, not the daemon's work.
    """
    from cli.daemon_commands import rescan

    result = rescan(load_settings(home=home), compare)
    if as_json:
        keys = ("compare", "seen", "restored", "compared", "changed", "problems")
        say_json({key: result[key] for key in keys if key in result})
        return
    say(f"Checked the inbox: {files(result['seen'])}.")
    for problem in result.get("problems", ()):
        say(safe_text(f"Not checked: {problem}"))
    if restored := result["restored"]:
        say(f"The sidecars of {files(restored)} were missing and are restored from the database.")
    if compare:
        say(comparison(result["compared"], result["changed"]))


def comparison(compared: int, changed: int) -> str:
    checked = f"Checked {compared:,} described {'file' if compared == 1 else 'files'}:"
    if not changed:
        return f"{checked} none has changed."
    return f"{checked} {changed:,} {'has changed and is' if changed == 1 else 'have changed and are'} queued again."


def files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"
