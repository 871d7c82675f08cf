"""Whether work is paused on request: a row that outlives the daemon. No job is claimed while it is there."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, delete, exists

from storage.db import rows
from storage.db.tables import daemon_state

KEY = "pause"

#: A condition for queries. Without a reference to their rows, so that it is evaluated once.
IS_PAUSED = exists().where(daemon_state.c.key == KEY)


def paused_since(connection: Connection) -> datetime | None:
    """None while work is not paused."""
    stored = rows.read_state(connection, KEY)
    return None if stored is None else datetime.fromtimestamp(stored["since"], UTC)


def pause(connection: Connection, now: datetime) -> datetime:
    """Returns since when it is paused: an earlier pause goes on."""
    if (since := paused_since(connection)) is not None:
        return since
    rows.write_state(connection, KEY, {"since": now.timestamp()})
    return now


def resume(connection: Connection) -> datetime | None:
    """Returns since when it was paused; None if it was not."""
    since = paused_since(connection)
    connection.execute(delete(daemon_state).where(daemon_state.c.key == KEY))
    return since
