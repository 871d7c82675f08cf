"""How an older database becomes today's: numbered steps, applied when a database is opened, all or nothing.

To change the schema, change `tables`, add the next file to `versions` and raise HEAD; a test compares the three.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

HEAD = "0005"


@dataclass(frozen=True, kw_only=True)
class Migrations:
    """Where the steps are (folders, or "package:folder"), and the number of the last one."""

    head: str = HEAD
    folders: tuple[str, ...] = ("storage:migrations/versions",)

    def apply(self, connection: Connection) -> None:
        """Run all that are due inside the transaction that `connection` is in."""
        # Imported here: alembic costs a fifth of a second, and a migration is seldom due.
        from alembic import command
        from alembic.config import Config

        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", "storage:migrations")
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", "\n".join(folder.replace("%", "%%") for folder in self.folders))
        command.upgrade(config, self.head)
