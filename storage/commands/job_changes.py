"""What the commands on jobs change, each in the caller's transaction. Private to storage.

The daemon makes these changes, or the command line where no daemon runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from config.errors import SmolwatchError
from storage.commands.requests import CommandKind
from storage.db import pause_state
from storage.jobs import admission, cancellation
from storage.json_values import iso_utc

Arguments = Mapping[str, Any]
#: The result, as plain JSON values.
Result = dict[str, Any]


def change(connection: Connection, now: datetime, kind: str, arguments: Arguments) -> Result:
    """Raises SmolwatchError for what cannot be done; then the transaction must be rolled back."""
    made = CHANGES.get(kind)
    if made is None:
        raise SmolwatchError(
            f'The running daemon has no command "{kind}".', advice="Restart the daemon, so that it is of this version."
        )
    return made(connection, now, arguments)


def pause(connection: Connection, now: datetime, _: Arguments) -> Result:
    """{"since": "2026-11-24T09:15:02Z", "was_paused": false}; an earlier pause goes on."""
    was_paused = pause_state.paused_since(connection) is not None
    return {"since": iso_utc(pause_state.pause(connection, now)), "was_paused": was_paused}


def resume(connection: Connection, _: datetime, __: Arguments) -> Result:
    """{"was_paused": true}."""
    return {"was_paused": pause_state.resume(connection) is not None}


def cancel(connection: Connection, now: datetime, arguments: Arguments) -> Result:
    """{"cancelled": [7]}: those of the jobs that were queued or running."""
    return {"cancelled": cancellation.cancel(connection, now, job_ids(arguments))}


def retry(connection: Connection, now: datetime, arguments: Arguments) -> Result:
    """{"jobs": [7, 12]}: the job that was queued for each, which of a done job is a new one; {"count": 3} for "failed".

    Raises NotFoundError if there is no such job, or its file is gone.
    """
    if arguments.get("failed") is True:
        return {"count": admission.requeue_failed(connection, now)}
    return {"jobs": [admission.requeue(connection, now, job_id).id for job_id in job_ids(arguments)]}


def job_ids(arguments: Arguments) -> list[int]:
    found = arguments.get("jobs")
    if not isinstance(found, list) or not all(isinstance(job_id, int) for job_id in found):
        raise SmolwatchError("The command names no jobs.")
    return found


CHANGES: Mapping[str, Callable[[Connection, datetime, Arguments], Result]] = {
    CommandKind.PAUSE: pause,
    CommandKind.RESUME: resume,
    CommandKind.CANCEL: cancel,
    CommandKind.RETRY: retry,
}
