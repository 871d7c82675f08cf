"""The status of a home as one document: the daemon, the engine, the inboxes, the files and the speed.

A home without a database has no jobs.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from cli.lookup import open_library
from cli.render import job_json
from cli.times import rate_per_minute, utc_now
from config.errors import NotFoundError
from config.settings import Settings
from daemon.intake import refusal_texts
from daemon.intake.inbox_path import inbox_error
from daemon.lock import holder, noted
from daemon.service.start_failure import read_failure
from storage.errors import TransientError
from storage.json_values import iso_utc, omit_missing
from storage.library import Library
from storage.lifecycle import JobState
from storage.status.inbox_values import combined

SCHEMA = 1
LIVE = (JobState.QUEUED, JobState.RUNNING, JobState.PUBLISHING)
#: The most jobs under way in the document.
MOST_CURRENT = 20
MOST_PENDING = 1000
#: The speed is that of so many minutes.
WINDOW = timedelta(minutes=5)


def look(settings: Settings) -> dict[str, Any]:
    """The whole report, for programs; a home without a database has no jobs."""
    pid = holder(settings.lock_file)
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "home": str(settings.home),
        "inbox": str(settings.inbox_path),
        "inboxes": inboxes_json({inbox.name: str(inbox.path) for inbox in settings.inboxes}),
        "database": str(settings.database_place),
        "database_exists": True,
        "log": str(settings.log_folder / "smolwatch.log"),
        "daemon": {"running": pid is not None} | ({} if pid is None else {"pid": pid}),
        "engine": {},
        "feature_cache": {},
        "power": {},
        "intake": {},
        "jobs": dict.fromkeys(map(str, JobState), 0),
        "files": files_json(Counter()),
        "not_taken": {"count": 0, "kinds": {}, "waiting": {}},
        "current": [],
        "sidecars": {"pending": 0, "orphans": 0},
        "speed": {},
    }
    for inbox, item in zip(settings.inboxes, report["inboxes"], strict=True):
        if error := inbox_error(settings, inbox):
            item["error"] = f"{error} {error.advice}"
            report.setdefault("inbox_error", item["error"])
    if pid is None and (refused := read_failure(settings.home)) is not None:
        report["daemon"]["refused"] = refused.reason
    if (evaluation := holder(settings.evaluation_lock_file)) is not None:
        report["evaluation"] = {"pid": evaluation}
    if holds_any(settings.sidecar_folder):
        report["sidecars"]["mirror"] = str(settings.sidecar_folder)
    try:
        with open_library(settings) as library:
            if pid is not None:
                add_running(report, library, settings)
            add_known(report, library)
    except NotFoundError:
        report["database_exists"] = False
    except TransientError as error:
        report["database_error"] = f"{error} {error.advice}"
    return report


def add_running(report: dict[str, Any], library: Library, settings: Settings) -> None:
    """What holds only while a daemon is running; of a dead one it is out of date."""
    daemon = library.status.daemon()
    stored = daemon.facts()
    trouble = noted(settings.lock_file)
    report["inbox"] = stored.get("inbox", report["inbox"])  # `run --inbox` watches another than the settings'
    watched = dict(daemon.inboxes)
    if watched and watched != {item["name"]: item["path"] for item in report["inboxes"]}:
        report["inboxes"] = inboxes_json(watched)
        report.pop("inbox_error", None)
    stored.pop("inboxes", None)
    report["daemon"] = stored | report["daemon"] | omit_missing(trouble=trouble or None)
    if (features := library.status.feature_cache()).run:
        report["feature_cache"] = features.facts()
    report["current"] = [job_json(job) for job in library.jobs(state=JobState.RUNNING, limit=MOST_CURRENT)]
    live = sum(library.live_counts().values())
    if live:
        report["power"] = library.status.power().facts()  # out of date while there is no work
        now = utc_now()
        per_minute = rate_per_minute(library.finish_times(now - WINDOW), now)
        report["speed"] = omit_missing(
            files_per_minute=per_minute and round(per_minute, 2),
            seconds_left=per_minute and round(live * 60 / per_minute),
        )


def add_known(report: dict[str, Any], library: Library) -> None:
    """What the database holds, with or without a daemon."""
    counts = library.counts()
    report["engine"] = library.status.engine().facts()
    intakes = library.status.intakes([item["name"] for item in report["inboxes"]])
    for item in report["inboxes"]:
        item |= {"intake": intakes[item["name"]].facts()} if item["name"] in intakes else {}
    if intakes:
        intake = combined(intakes)
        report["intake"] = intake.facts()
        report["sidecars"]["orphans"] = intake.orphans
    if (since := library.status.paused_since()) is not None:
        report["paused_since"] = iso_utc(since)
    report["jobs"] |= {str(state): count for state, count in counts.items()}
    report["files"] = files_json(library.file_counts(counts))
    report["not_taken"] = not_taken_json(library.refusal_counts())
    if counts[JobState.PUBLISHING]:
        pending = [job for job in library.jobs(state=JobState.PUBLISHING, limit=MOST_PENDING) if job.reason]
        report["sidecars"] |= omit_missing(pending=len(pending), reason=pending[0].reason if pending else None)
    report["speed"] |= library.speed()
    if mixed := library.mixed_origins():
        report["mixed_origins"] = [asdict(each) for each in mixed]


def files_json(counts: Mapping[JobState, int]) -> dict[str, int]:
    """How many files are in each state, by the newest job of each."""
    return {
        "done": counts[JobState.DONE],
        "waiting": sum(counts[state] for state in LIVE),
        "failed": counts[JobState.FAILED],
        "skipped": counts[JobState.SKIPPED],
        "gone": counts[JobState.GONE],
    }


def not_taken_json(counts: refusal_texts.Counts) -> dict[str, Any]:
    """What intake did not admit: by kind what is never described as it is, by reason what may be admitted later."""
    kinds = refusal_texts.skipped(counts)
    return {"count": sum(kinds.values()), "kinds": kinds, "waiting": refusal_texts.waiting(counts)}


def inboxes_json(paths: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "path": path} for name, path in paths.items()]


def holds_any(folder: Path) -> bool:
    try:
        with os.scandir(folder) as found:
            return next(found, None) is not None
    except OSError:
        return False
