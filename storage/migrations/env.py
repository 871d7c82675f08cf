"""Run by alembic: hands it the connection that `Migrations.apply` was given."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
