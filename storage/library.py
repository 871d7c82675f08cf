"""Library: queries on jobs and descriptions. Reads only; blocks no writer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import Any

from sqlalchemy import exists, func, or_, select

from storage.db import description_rows, origin_rows, rows
from storage.db.column_types import is_one_of
from storage.db.database import Database
from storage.db.tables import descriptions, jobs, media, paths, stats
from storage.description import Description
from storage.evaluation.evaluation_store import EvaluationReader
from storage.jobs import live_photos, redescription, refused_paths
from storage.jobs.file_presence import ENDED, chunks
from storage.jobs.finished import Finished, finish_times, finished_between, newest_event
from storage.jobs.listing import Listed, listing
from storage.jobs.live_photos import SetAside
from storage.jobs.past_work import Described, described_since, failures_since
from storage.lifecycle import JobState
from storage.origin import MixedOrigin, Origin
from storage.records import AnswerKey, Fingerprint, Job, JobEvent, JobSpec, MediaKind, Refusal
from storage.status.board import StatusReader

RECENT = 100
#: Keys in one query: far below the limit of any database, and already many times faster than single queries.
CHUNK_SIZE = 500
#: Jobs that agree in these replace each other.
REQUEST = (jobs.c.path_id, jobs.c.task, jobs.c.recipe_name)


class Library:
    """Queries on a database, opened read-only or not."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.status = StatusReader(database)
        self.evaluations = EvaluationReader(database)

    def counts(self, *, finished_since: datetime | None = None) -> dict[JobState, int]:
        """The number of jobs in every state. `finished_since`: only those that finished from then on."""
        query = select(jobs.c.state, func.count()).group_by(jobs.c.state)
        if finished_since is not None:
            query = query.where(jobs.c.finished_at >= finished_since)
        with self._database.read() as connection:
            found = connection.execute(query).all()
        return dict.fromkeys(JobState, 0) | {JobState(state): count for state, count in found}

    def file_counts(self, counts: Mapping[JobState, int]) -> dict[JobState, int]:
        """The same by file, from these `counts` of all jobs: of several jobs of one path, the newest counts."""
        several = select(jobs.c.path_id).group_by(jobs.c.path_id).having(func.count() > 1)
        newest = select(func.max(jobs.c.id)).group_by(jobs.c.path_id).having(func.count() > 1)
        query = (
            select(jobs.c.state, func.count())
            .where(jobs.c.path_id.in_(several), jobs.c.id.not_in(newest))
            .group_by(jobs.c.state)
        )
        with self._database.read() as connection:
            superseded = {JobState(state): count for state, count in connection.execute(query)}
        return {state: count - superseded.get(state, 0) for state, count in counts.items()}

    def live_counts(self) -> dict[JobState, int]:
        """How many jobs wait, run and are published. Cheap where most jobs are finished."""
        query = select(jobs.c.state, func.count()).where(jobs.c.state.in_(rows.LIVE)).group_by(jobs.c.state)
        with self._database.read() as connection:
            found = connection.execute(query).all()
        return dict.fromkeys(map(JobState, rows.LIVE), 0) | {JobState(state): count for state, count in found}

    def finished_after(self, event: int | None) -> tuple[list[Finished], int]:
        """The jobs that ended after the event of that number, oldest first, and the newest event's number.

        None: no jobs, where to begin. On PostgreSQL, an event whose transaction overlaps a newer one's can be missed.
        """
        with self._database.read() as connection:
            newest = newest_event(connection)
            return ([] if event is None or newest == event else finished_between(connection, event, newest)), newest

    def finish_times(self, since: datetime, *, limit: int = 1000) -> list[datetime]:
        """When files were done or given up from then on, newest first."""
        with self._database.read() as connection:
            return finish_times(connection, since, limit)

    def known_paths(self, limit: int) -> list[bytes]:
        """Every path of a job or refusal, newest first."""
        with self._database.read() as connection:
            return list(connection.execute(select(paths.c.path).order_by(paths.c.id.desc()).limit(limit)).scalars())

    def jobs(self, *, state: JobState | None = None, limit: int = 50) -> list[Job]:
        """The newest jobs first."""
        query = rows.jobs_query().order_by(jobs.c.id.desc()).limit(limit)
        if state is not None:
            query = query.where(jobs.c.state == state)
        with self._database.read() as connection:
            return [rows.job_of(row) for row in connection.execute(query)]

    def listing(self, *, state: JobState | None = None, limit: int = 50) -> list[Listed]:
        """Jobs with their captions, in plain values, for long lists: those first that were finished or queued last."""
        with self._database.read() as connection:
            return listing(connection, state, limit)

    def count_due(self, until: datetime) -> int:
        """The number of waiting jobs that are due by then."""
        waits = jobs.c.state.in_((JobState.QUEUED, JobState.PUBLISHING))
        soon = or_(jobs.c.not_before.is_(None), jobs.c.not_before <= until)
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(jobs).where(waits, soon)).scalar_one()

    def count_failed(self, since: datetime) -> int:
        """The number of jobs that failed from then on."""
        failed = (jobs.c.state == JobState.FAILED, jobs.c.finished_at >= since)
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(jobs).where(*failed)).scalar_one()

    def described_since(self, since: datetime, *, limit: int) -> list[Described]:
        """The cost of the descriptions from then on, newest first."""
        with self._database.read() as connection:
            return described_since(connection, since, limit)

    def failures_since(self, since: datetime) -> dict[tuple[str, str], int]:
        """The number of jobs that failed from then on, by cause and reason's code."""
        with self._database.read() as connection:
            return failures_since(connection, since)

    def job(self, id: int) -> Job:
        """Raises NotFoundError."""
        with self._database.read() as connection:
            return rows.read_job(connection, id)

    def job_at(self, path: bytes) -> Job | None:
        """The path's newest job."""
        query = rows.jobs_query().where(paths.c.path == path).order_by(jobs.c.id.desc()).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
            return None if row is None else rows.job_of(row)

    def jobs_at(self, wanted_paths: Iterable[bytes]) -> dict[bytes, Job]:
        """The newest job of each path that has one, in few queries."""
        found: dict[bytes, Job] = {}
        path_chunks = list(chunks(wanted_paths, CHUNK_SIZE))  # the iterable can be slow: not within the transaction
        with self._database.read() as connection:
            for chunk in path_chunks:
                newest = (
                    select(func.max(jobs.c.id))
                    .join(paths, paths.c.id == jobs.c.path_id)
                    .where(paths.c.path.in_(chunk))
                    .group_by(jobs.c.path_id)
                )
                for row in connection.execute(rows.jobs_query().where(jobs.c.id.in_(newest))):
                    found[row.path] = rows.job_of(row)
        return found

    def current_jobs_at(self, wanted_paths: Iterable[bytes]) -> list[Job]:
        """The newest job of each recipe at these paths, in few queries."""
        found: list[Job] = []
        path_chunks = list(chunks(wanted_paths, CHUNK_SIZE))
        with self._database.read() as connection:
            for chunk in path_chunks:
                newest = (
                    select(func.max(jobs.c.id))
                    .join(paths, paths.c.id == jobs.c.path_id)
                    .where(paths.c.path.in_(chunk))
                    .group_by(*REQUEST)
                )
                rows_found = connection.execute(rows.jobs_query().where(jobs.c.id.in_(newest)).order_by(jobs.c.id))
                found += [rows.job_of(row) for row in rows_found]
        return found

    def jobs_of(self, files: Iterable[Fingerprint]) -> list[Job]:
        """The newest job of each recipe about each of these files, for each path where it was found; in few queries."""
        found: list[Job] = []
        file_chunks = list(chunks(files, CHUNK_SIZE))
        with self._database.read() as connection:
            for chunk in file_chunks:
                newest = select(func.max(jobs.c.id)).where(is_one_of(jobs.c.fingerprint, chunk)).group_by(*REQUEST)
                rows_found = connection.execute(rows.jobs_query().where(jobs.c.id.in_(newest)).order_by(jobs.c.id))
                found += [rows.job_of(row) for row in rows_found]
        return found

    def halves(self, live_ids: Collection[str]) -> dict[str, list[Job]]:
        """The jobs, by identifier, of Live Photo halves that are described or will be; see `live_photos.halves`."""
        with self._database.read() as connection:
            return live_photos.halves(connection, live_ids)

    def set_aside(self, partners: Collection[bytes] | None = None) -> list[SetAside]:
        """The paths whose partner is described instead: one of `partners`, or any."""
        with self._database.read() as connection:
            return live_photos.set_aside(connection, partners)

    def ended(self) -> list[tuple[int, bytes, bool]]:
        """(id, path, is done) of every finished or publishing job whose file is not known to be missing."""
        query = select(jobs.c.id, paths.c.path, jobs.c.state).join(paths, paths.c.id == jobs.c.path_id)
        query = query.where(jobs.c.state.in_(ENDED), jobs.c.missing_since.is_(None))
        with self._database.read() as connection:
            return [(id, path, state == JobState.DONE) for id, path, state in connection.execute(query).all()]

    def missing(self) -> list[tuple[int, bytes, datetime]]:
        """(id, path, missing since) of every done job whose file is missing and that is its path's newest."""
        later = jobs.alias()
        superseded = exists().where(
            later.c.path_id == jobs.c.path_id, later.c.id > jobs.c.id, later.c.state != JobState.GONE
        )
        gone = (jobs.c.state == JobState.DONE, jobs.c.missing_since.is_not(None), ~superseded)
        with self._database.read() as connection:
            query = select(jobs.c.id, paths.c.path, jobs.c.missing_since).join(paths, paths.c.id == jobs.c.path_id)
            return [(id, path, since) for id, path, since in connection.execute(query.where(*gone)).all()]

    def describable(self, spec: JobSpec, *, changed_for: AnswerKey | None = None) -> list[Job]:
        """The newest done job of each file that is there, unless the file waits for this already; oldest first.

        `changed_for`: only files that lack a description with this key and the origin of the model's newest one.
        """
        with self._database.read() as connection:
            return redescription.describable(connection, spec, changed_for=changed_for)

    def description(self, job_id: int) -> Description | None:
        """The job's description; None while it is not described."""
        with self._database.read() as connection:
            return description_rows.of_job(connection, job_id)

    def newest_origin(self, model: str) -> Origin | None:
        """That of the newest description by this model (its id); None if there is none."""
        with self._database.read() as connection:
            return origin_rows.newest_origin(connection, model)

    def mixed_origins(self) -> list[MixedOrigin]:
        """The models whose descriptions are of mixed origin."""
        with self._database.read() as connection:
            return list(origin_rows.mixed_origins(connection))

    def events(self, job_id: int) -> list[JobEvent]:
        """The job's transitions, oldest first."""
        with self._database.read() as connection:
            return rows.read_events(connection, job_id)

    def refusal(self, path: bytes) -> Refusal | None:
        """Why the path was refused, if it was."""
        with self._database.read() as connection:
            return rows.read_refusals(connection, [path]).get(path)

    def refusals(self, refused: Sequence[bytes]) -> dict[bytes, Refusal]:
        """The same for some hundreds of paths; those without a refusal are absent."""
        with self._database.read() as connection:
            return rows.read_refusals(connection, refused)

    def refusal_counts(self) -> dict[tuple[str, str | None], int]:
        """The number of refused paths by code and kind."""
        with self._database.read() as connection:
            return refused_paths.counts(connection)

    def newest_refusals(self, codes: Collection[str], *, limit: int = 50) -> list[Refusal]:
        """The refusals with one of these codes, newest first."""
        with self._database.read() as connection:
            return refused_paths.newest(connection, codes, limit)

    def refused_paths(self) -> list[bytes]:
        """Every refused path."""
        with self._database.read() as connection:
            return refused_paths.all_paths(connection)

    def speed(self) -> dict[str, Any]:
        """Medians over the last hundred descriptions: {"seconds": {"image": 1.2, ...}, "tokens_per_second": 87.0}.

        Seconds per file. A kind without descriptions is absent; without any, tokens_per_second too.
        """
        query = (
            select(media.c.kind, stats.c.seconds, stats.c.tokens_per_second)
            .join(descriptions, descriptions.c.id == stats.c.description_id)
            .join(media, media.c.id == descriptions.c.media_id)
            .order_by(descriptions.c.id.desc())
            .limit(RECENT)
        )
        with self._database.read() as connection:
            recent = connection.execute(query).all()
        totals = {
            str(kind): [row.seconds["total"] for row in recent if row.kind == kind and "total" in row.seconds]
            for kind in MediaKind
        }
        speed: dict[str, Any] = {"seconds": {kind: median(found) for kind, found in totals.items() if found}}
        if recent:
            speed["tokens_per_second"] = median(row.tokens_per_second for row in recent)
        return speed
