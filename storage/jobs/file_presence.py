"""Finished jobs whose files or sidecars disappear and come back.

Every transaction holds the write lock from its start, like those of `JobStore`, and changes some hundreds of jobs at
most, so that others do not wait long. None needs a claim: live jobs are left alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, Text, case, delete, exists, insert, or_, select, type_coerce, update

from config.failpoints import failpoint
from config.inboxes import DEFAULT_INBOX
from storage.db import description_rows, rows, saved_answer_rows
from storage.db.column_types import is_one_of, stored_without_device
from storage.db.tables import decisions, jobs, media, paths
from storage.description import Description
from storage.jobs.transactions import Transactions
from storage.jobs.transitions import record_events
from storage.lifecycle import JobState
from storage.records import NO_DEVICE, Fingerprint, JobSpec, NewFile

#: Paths or jobs in one statement.
CHUNK_SIZE = 500
#: The states in which a job can lose its file.
ENDED = (JobState.PUBLISHING, JobState.DONE, JobState.FAILED, JobState.SKIPPED)
RESTORED = "Its sidecars are missing and are written again."
IMPORTED = "Imported from its sidecar: it was not in the database."

T = TypeVar("T")


class FilePresence:
    """Safe to share between threads and processes."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def changed_from(self, job_id: int) -> frozenset[str]:
        """The digests of the file's earlier described contents, which were changed in place.

        Contents from before the name was last free are left out: they belonged to another file.
        """
        return self._transactions.read(lambda connection: changed_from(connection, job_id))

    def mark_missing(self, gone: Collection[bytes], replaced: Mapping[bytes, Fingerprint] = {}) -> int:
        """No file exists at the paths in `gone`; at those in `replaced`, another file than before.

        Returns how many jobs have lost their file: of a replaced path, all but those about the present file.
        """
        lost = sum(self._mark_missing(chunk) for chunk in chunks(gone))
        return lost + (self._mark_replaced(replaced) if replaced else 0)

    def mark_found(self, job_ids: Collection[int]) -> None:
        """The files of these jobs exist again."""

        def change(connection: Connection, _: datetime) -> None:
            for chunk in chunks(job_ids):
                connection.execute(update(jobs).where(jobs.c.id.in_(chunk)).values(missing_since=None))

        self._transactions.write(change)

    def renumber_devices(self, numbers: Mapping[int, int]) -> int:
        """Disks have new device numbers: `numbers` by their old ones. Those of other disks become unknown.

        Returns how many jobs there are. One statement, so that a kill does not leave half of them changed.
        """
        stored = type_coerce(jobs.c.fingerprint, Text)
        new = [(stored.startswith(f"{before}:"), str(now)) for before, now in numbers.items()]
        number = case(*new, else_=str(NO_DEVICE))
        renumbered = update(jobs).values(fingerprint=number + stored_without_device(jobs.c.fingerprint))
        return self._transactions.write(lambda connection, _: connection.execute(renumbered).rowcount)

    def update_fingerprints(self, files: Mapping[int, Fingerprint]) -> None:
        """The files of these jobs (some hundreds) are unchanged, on disks with other device numbers now."""

        def change(connection: Connection, _: datetime) -> None:
            for job_id, there in files.items():
                same = (jobs.c.id == job_id, is_one_of(jobs.c.fingerprint, [there]))
                connection.execute(update(jobs).where(*same).values(fingerprint=there))

        self._transactions.write(change)

    def republish(self, job_ids: Collection[int], note: str = RESTORED) -> int:
        """done → publishing, so that the sidecars are written again. Returns how many.

        Left out: jobs whose file is missing, and those whose path has a newer or live job of the same recipe.
        """
        return sum(self._republish(chunk, note) for chunk in chunks(job_ids))

    def import_described(
        self, described: Sequence[tuple[NewFile, Description]], *, max_attempts: int, inbox: str = DEFAULT_INBOX
    ) -> set[bytes]:
        """A done job for each description from the sidecars of this inbox's files. Returns the paths that got one.

        In one transaction, for some hundreds of files. A file can have a description for each recipe; the newest one
        gets its newest job. A path that ever had a job gets none.
        """

        def change(connection: Connection, now: datetime) -> set[bytes]:
            imported = import_described(connection, now, without_jobs(connection, described), max_attempts, inbox)
            failpoint("taking-back")
            return imported

        return self._transactions.write(change)

    def _mark_missing(self, gone: Sequence[bytes]) -> int:
        return self._transactions.write(lambda connection, now: mark_missing(connection, now, gone))

    def _mark_replaced(self, replaced: Mapping[bytes, Fingerprint]) -> int:
        return self._transactions.write(
            lambda connection, now: sum(
                mark_missing(connection, now, [path], unlike=there) for path, there in replaced.items()
            )
        )

    def _republish(self, job_ids: Sequence[int], note: str) -> int:
        def change(connection: Connection, now: datetime) -> int:
            republished = republish(connection, job_ids)
            if republished:
                record_events(connection, now, republished, JobState.DONE, JobState.PUBLISHING, note)
            failpoint("restoring")
            return len(republished)

        return self._transactions.write(change)


def mark_missing(
    connection: Connection, now: datetime, gone: Sequence[bytes], *, unlike: Fingerprint | None = None
) -> int:
    """The ended jobs of these paths lose their file now, if they still have it. Returns how many."""
    at = select(paths.c.id).where(paths.c.path.in_(gone)).scalar_subquery()
    lost = update(jobs).where(jobs.c.path_id.in_(at), jobs.c.state.in_(ENDED), jobs.c.missing_since.is_(None))
    if unlike is not None:
        lost = lost.where(~is_one_of(jobs.c.fingerprint, [unlike]))
    return connection.execute(lost.values(missing_since=now)).rowcount


def republish(connection: Connection, job_ids: Sequence[int]) -> list[int]:
    """done → publishing; see `FilePresence.republish`. Returns the ids of the moved jobs."""
    other = jobs.alias()
    superseded = exists().where(
        rows.same_request(other, jobs),
        or_(other.c.id > jobs.c.id, other.c.state.in_(rows.LIVE)),
        other.c.state != JobState.GONE,
    )
    done = (jobs.c.id.in_(job_ids), jobs.c.state == JobState.DONE, jobs.c.missing_since.is_(None), ~superseded)
    again = update(jobs).where(*done).values(state=JobState.PUBLISHING, not_before=None, finished_at=None)
    return list(connection.execute(again.returning(jobs.c.id)).scalars())


def without_jobs(
    connection: Connection, described: Sequence[tuple[NewFile, Description]]
) -> list[tuple[int, NewFile, Description]]:
    """Those whose path never had a job, with the path's id, oldest first."""
    path_ids = rows.path_rows(connection, [file.path for file, _ in described])
    known = set(connection.execute(select(jobs.c.path_id).where(jobs.c.path_id.in_(path_ids.values()))).scalars())
    new = [(path_ids[file.path], file, description) for file, description in described]
    return sorted((one for one in new if one[0] not in known), key=lambda one: one[2].described_at)


def import_described(
    connection: Connection,
    now: datetime,
    new: Sequence[tuple[int, NewFile, Description]],
    max_attempts: int,
    inbox: str,
) -> set[bytes]:
    """A done job for each of these descriptions, with its path's id; none of the paths has a job. Returns the paths."""
    if not new:
        return set()
    media_ids = rows.media_rows(connection, [file for _, file, _ in new])
    done = {"state": JobState.DONE, "fresh": False, "attempts": 0, "max_attempts": max_attempts, "token": 0}
    made = [
        {
            **done,
            **rows.spec_columns(spec_of(description, inbox)),
            "path_id": path_id,
            "media_id": media_ids[file.digest],
            "fingerprint": file.fingerprint,
            "queued_at": now,
            "finished_at": now,
        }
        for path_id, file, description in new
    ]
    job_ids = connection.execute(insert(jobs).returning(jobs.c.id, sort_by_parameter_order=True), made).scalars().all()
    described = (description for *_, description in new)
    description_rows.store_all(connection, dict(zip(job_ids, described, strict=True)))
    for _, file, description in new:
        saved_answer_rows.add_missing(connection, media_ids[file.digest], description.asked)
    record_events(connection, now, job_ids, None, JobState.DONE, IMPORTED)
    connection.execute(delete(decisions).where(decisions.c.path_id.in_({path_id for path_id, *_ in new})))
    return {file.path for _, file, _ in new}


def spec_of(description: Description, inbox: str) -> JobSpec:
    return JobSpec(recipe=description.recipe.name, recipe_digest=description.recipe.digest, inbox=inbox)


def changed_from(connection: Connection, job_id: int) -> frozenset[str]:
    """The digests of the file's other described contents: see `FilePresence.changed_from`.

    Newer ones too: another recipe can have been answered about the present content before this one's sidecars are
    written.
    """
    path_id = select(jobs.c.path_id).where(jobs.c.id == job_id).scalar_subquery()
    recipe = select(jobs.c.recipe_name).where(jobs.c.id == job_id).scalar_subquery()
    others = connection.execute(
        select(media.c.digest, jobs.c.id, jobs.c.state, jobs.c.missing_since)
        .join(media, media.c.id == jobs.c.media_id)
        .where(jobs.c.path_id == path_id, or_(jobs.c.id < job_id, jobs.c.recipe_name != recipe))
        .order_by(jobs.c.id.desc())
    )
    digests: set[str] = set()
    for row in others:
        if row.id < job_id and row.missing_since is not None:  # older jobs were about another file
            break
        if row.state == JobState.DONE and row.missing_since is None:
            digests.add(row.digest)
    return frozenset(digests)


def chunks(items: Iterable[T], size: int = CHUNK_SIZE) -> Iterator[list[T]]:
    """`items` in lists that are short enough for one statement."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
