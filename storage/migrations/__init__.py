"""Migrates an older database: numbered steps, applied when it is opened, all or nothing.

To change the schema, change `tables`, add the next file to `versions` and raise HEAD; a test compares the three.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

HEAD = "0014"


@dataclass(frozen=True, kw_only=True)
class Migrations:
    """The folders of the steps (or "package:folder"), and the number of the last step."""

    head: str = HEAD
    folders: tuple[str, ...] = ("storage:migrations/versions",)

    def apply(self, connection: Connection) -> None:
        """Run all due steps in the transaction of `connection`."""
        # Imported here: alembic takes a fifth of a second, and a migration is rarely due.
        from alembic import command
        from alembic.config import Config

        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", "storage:migrations")
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", "\n".join(folder.replace("%", "%%") for folder in self.folders))
        command.upgrade(config, self.head)
