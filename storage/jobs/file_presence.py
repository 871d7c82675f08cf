"""Whereabouts: what becomes of finished jobs as their files and sidecars go away and come back.

Every transaction holds the write lock from its start, like those of `JobStore`, and takes some hundreds of jobs at
most, so that nobody waits long for it. None needs a claim: a job that somebody works on is left alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, Text, case, delete, exists, insert, or_, select, type_coerce, update

from config.failpoints import failpoint
from storage.db import description_rows, rows
from storage.db.column_types import is_one_of, stored_apart_from_disk
from storage.db.tables import decisions, jobs, media, paths
from storage.description import Description
from storage.jobs.transactions import Transactions
from storage.jobs.transitions import record_all
from storage.lifecycle import JobState
from storage.records import NO_DEVICE, Fingerprint, NewFile

#: Paths in one statement.
AT_ONCE = 500
#: Jobs that have lost something when their file is no longer there.
ENDED = (JobState.PUBLISHING, JobState.DONE, JobState.FAILED, JobState.SKIPPED)
RESTORED = "Its sidecars are missing and are written again."
TAKEN_BACK = "Taken back from its sidecar: the database did not know it."

T = TypeVar("T")


class FilePresence:
    """Safe to share between threads and processes."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def miss(self, gone: Collection[bytes], replaced: Mapping[bytes, Fingerprint] = {}) -> int:
        """No file exists at the paths in `gone`; at those in `replaced`, another file than before.

        How many jobs have lost their file: of a replaced path, all but those about the file that is there now.
        """
        lost = sum(self._miss(some) for some in portions(gone))
        return lost + (self._miss_replaced(replaced) if replaced else 0)

    def found(self, job_ids: Collection[int]) -> None:
        """The files of these jobs are there again."""

        def change(connection: Connection, _: datetime) -> None:
            for some in portions(job_ids):
                connection.execute(update(jobs).where(jobs.c.id.in_(some)).values(missing_since=None))

        self._transactions.write(change)

    def renumber(self, before: int, now: int) -> int:
        """The disk that had the number `before` has the number `now`; which one any other disk has is not known.

        Of how many jobs. In one statement, so that a kill leaves no half of them.
        """
        stored = type_coerce(jobs.c.fingerprint, Text)
        number = case((stored.startswith(f"{before}:"), str(now)), else_=str(NO_DEVICE))
        anew = update(jobs).values(fingerprint=number + stored_apart_from_disk(jobs.c.fingerprint))
        return self._transactions.write(lambda connection, _: connection.execute(anew).rowcount)

    def seen(self, files: Mapping[int, Fingerprint]) -> None:
        """The files of these jobs are unchanged, on disks that have other numbers now. Some hundreds at once."""

        def change(connection: Connection, _: datetime) -> None:
            for job_id, there in files.items():
                same = (jobs.c.id == job_id, is_one_of(jobs.c.fingerprint, [there]))
                connection.execute(update(jobs).where(*same).values(fingerprint=there))

        self._transactions.write(change)

    def restore(self, job_ids: Collection[int], note: str = RESTORED) -> int:
        """done → publishing, so that the sidecars are written again; how many.

        Left out: jobs whose file is missing, and those whose path has a job that is newer or under way.
        """
        return sum(self._restore(some, note) for some in portions(job_ids))

    def take_back(self, described: Sequence[tuple[NewFile, Description]], *, max_attempts: int) -> set[bytes]:
        """A done job for each file, with the description that its sidecar holds; the paths for which one was made.

        In one transaction, for some hundreds of files, each of another path. A path that ever had a job gets none.
        """

        def change(connection: Connection, now: datetime) -> set[bytes]:
            taken = take_back(connection, now, unknown(connection, described), max_attempts)
            failpoint("taking-back")
            return taken

        return self._transactions.write(change)

    def _miss(self, some: Sequence[bytes]) -> int:
        return self._transactions.write(lambda connection, now: mark(connection, now, some))

    def _miss_replaced(self, replaced: Mapping[bytes, Fingerprint]) -> int:
        return self._transactions.write(
            lambda connection, now: sum(mark(connection, now, [path], unlike=there) for path, there in replaced.items())
        )

    def _restore(self, some: Sequence[int], note: str) -> int:
        def change(connection: Connection, now: datetime) -> int:
            restored = publish_again(connection, some)
            if restored:
                record_all(connection, now, restored, JobState.DONE, JobState.PUBLISHING, note)
            failpoint("restoring")
            return len(restored)

        return self._transactions.write(change)


def mark(connection: Connection, now: datetime, some: Sequence[bytes], *, unlike: Fingerprint | None = None) -> int:
    """The ended jobs of these paths lose their file from now on, if they still have it; how many."""
    at = select(paths.c.id).where(paths.c.path.in_(some)).scalar_subquery()
    lost = update(jobs).where(jobs.c.path_id.in_(at), jobs.c.state.in_(ENDED), jobs.c.missing_since.is_(None))
    if unlike is not None:
        lost = lost.where(~is_one_of(jobs.c.fingerprint, [unlike]))
    return connection.execute(lost.values(missing_since=now)).rowcount


def publish_again(connection: Connection, job_ids: Sequence[int]) -> list[int]:
    """The arrow of `restore`; the jobs that took it."""
    other = jobs.alias()
    superseded = exists().where(
        other.c.path_id == jobs.c.path_id,
        or_(other.c.id > jobs.c.id, other.c.state.in_(rows.LIVE)),
        other.c.state != JobState.GONE,
    )
    done = (jobs.c.id.in_(job_ids), jobs.c.state == JobState.DONE, jobs.c.missing_since.is_(None), ~superseded)
    again = update(jobs).where(*done).values(state=JobState.PUBLISHING, not_before=None, finished_at=None)
    return list(connection.execute(again.returning(jobs.c.id)).scalars())


def unknown(
    connection: Connection, described: Sequence[tuple[NewFile, Description]]
) -> dict[int, tuple[NewFile, Description]]:
    """By their path's id, those whose path never had a job."""
    path_ids = rows.path_rows(connection, [file.path for file, _ in described])
    known = set(connection.execute(select(jobs.c.path_id).where(jobs.c.path_id.in_(path_ids.values()))).scalars())
    by_id = {path_ids[file.path]: (file, description) for file, description in described}
    return {path_id: one for path_id, one in by_id.items() if path_id not in known}


def take_back(
    connection: Connection, now: datetime, new: Mapping[int, tuple[NewFile, Description]], max_attempts: int
) -> set[bytes]:
    """Done jobs for these files, by the ids of their paths, none of which has a job."""
    if not new:
        return set()
    media_ids = rows.media_rows(connection, [file for file, _ in new.values()])
    done = {"state": JobState.DONE, "fresh": False, "attempts": 0, "max_attempts": max_attempts, "token": 0}
    made = [
        {
            **done,
            "path_id": path_id,
            "media_id": media_ids[file.digest],
            "fingerprint": file.fingerprint,
            "queued_at": now,
            "finished_at": now,
        }
        for path_id, (file, _) in new.items()
    ]
    connection.execute(insert(jobs), made)
    job_ids = connection.execute(select(jobs.c.id, jobs.c.path_id).where(jobs.c.path_id.in_(new))).all()
    description_rows.store_all(connection, {row.id: new[row.path_id][1] for row in job_ids})
    record_all(connection, now, [row.id for row in job_ids], None, JobState.DONE, TAKEN_BACK)
    connection.execute(delete(decisions).where(decisions.c.path_id.in_(new)))
    return {file.path for file, _ in new.values()}


def changed_from(connection: Connection, job_id: int) -> frozenset[str]:
    """The digests of what the job's file held before it was changed in place: see `JobStore.changed_from`."""
    path_id = select(jobs.c.path_id).where(jobs.c.id == job_id).scalar_subquery()
    earlier = connection.execute(
        select(media.c.digest, jobs.c.state, jobs.c.missing_since)
        .join(media, media.c.id == jobs.c.media_id)
        .where(jobs.c.path_id == path_id, jobs.c.id < job_id)
        .order_by(jobs.c.id.desc())
    )
    held: set[str] = set()
    for row in earlier:
        if row.missing_since is not None:  # what is older was said of a file that is no longer there
            break
        if row.state == JobState.DONE:
            held.add(row.digest)
    return frozenset(held)


def portions(many: Iterable[T], size: int = AT_ONCE) -> Iterator[list[T]]:
    """`many` in lists that one statement can take."""
    rest = iter(many)
    while some := list(islice(rest, size)):
        yield some
