"""Options that several commands share."""

from __future__ import annotations

import click

#: In the context of all commands: whether --json was given, so that an error becomes a document, too.
JSON_KEY = "smolwatch.json"


def note_json(ctx: click.Context, _: click.Parameter, as_json: bool) -> bool:
    ctx.meta[JSON_KEY] = as_json
    return as_json


json_option = click.option(
    "--json", "as_json", is_flag=True, callback=note_json, help="One JSON document on stdout, for programs."
)
