"""Run by alembic: passes it the connection of `Migrations.apply`."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
