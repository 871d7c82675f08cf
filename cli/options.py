"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from config.settings import ModelSettings


class HomeFolder(click.Path):
    """The folder given with --home. An empty name is an error: as a path it would be the current folder."""

    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("The name is empty. Leave --home out for ~/SmolWatch, or give a folder.", param, ctx)
        return super().convert(value, param, ctx)


def choices(key: str) -> click.Choice[str]:
    """The values of a setting of the model, from the setting's type."""
    return click.Choice(get_args(ModelSettings.model_fields[key].annotation))


#: In the context of all commands: whether --json was given, so that an error becomes a document, too.
JSON_KEY = "smolwatch.json"


def note_json(ctx: click.Context, _: click.Parameter, as_json: bool) -> bool:
    ctx.meta[JSON_KEY] = as_json
    return as_json


json_option = click.option(
    "--json", "as_json", is_flag=True, callback=note_json, help="One JSON document on stdout, for programs."
)
