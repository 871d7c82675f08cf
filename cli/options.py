"""What several commands are given in the same way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


class HomeFolder(click.Path):
    """The folder given with --home. An empty name is an error: as a path it would be the current folder."""

    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("The name is empty. Leave --home out for ~/SmolWatch, or give a folder.", param, ctx)
        return super().convert(value, param, ctx)


json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, for programs.")
