"""`smolwatch status`: does it run, can it describe, and how far is it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cli.lookup import inbox_root, open_library
from cli.options import json_option
from cli.render import job_words, safe_path, say_facts, say_json
from config.errors import DaemonNotRunningError, NotFoundError
from config.load import load_settings
from config.safe_text import safe_text
from config.settings import Settings
from daemon.intake import refusal_texts
from daemon.intake.inbox_path import inbox_error
from daemon.lock import holder, noted
from daemon.service.start_failure import read_failure
from storage.errors import TransientError
from storage.json_values import iso_utc, omit_missing
from storage.lifecycle import JobState

MOST_SHOWN = 20
MOST_PENDING = 1000


@click.command(short_help="Show whether the daemon is running, and its progress.")
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> int:
    """Show whether the daemon is running, whether it can describe, what it does now and how fast it is.

    The exit code is 4 when no daemon runs.
    """
    settings = load_settings(home=ctx.obj)
    report = look(settings)
    if as_json:
        say_json(report)
    else:
        say_facts(lines(report, settings))
    return 0 if report["daemon"]["running"] else DaemonNotRunningError.exit_code


def look(settings: Settings) -> dict[str, Any]:
    """The whole report, for programs; a home without a database has no jobs."""
    pid = holder(settings.lock_file)
    report: dict[str, Any] = {
        "home": str(settings.home),
        "inbox": str(settings.inbox_path),
        "database": str(settings.database_place),
        "database_exists": True,
        "daemon": {"running": pid is not None} | ({} if pid is None else {"pid": pid}),
        "engine": {},
        "power": {},
        "intake": {},
        "jobs": dict.fromkeys(map(str, JobState), 0),
        "not_taken": {"count": 0, "kinds": {}, "waiting": {}},
        "current": [],
        "sidecars": {"pending": 0, "orphans": 0},
        "speed": {},
    }
    if error := inbox_error(settings):
        report["inbox_error"] = f"{error} {error.advice}"
    if pid is None and (refused := read_failure(settings.home)) is not None:
        report["daemon"]["refused"] = refused.reason
    if holds_any(settings.sidecar_folder):
        report["sidecars"]["mirror"] = str(settings.sidecar_folder)
    try:
        with open_library(settings) as library:
            if pid is not None:  # what a dead daemon said of itself, or had under way, is history
                trouble = noted(settings.lock_file)
                report["daemon"] = (
                    (library.state("daemon") or {}) | report["daemon"] | omit_missing(trouble=trouble or None)
                )
                running = library.jobs(state=JobState.RUNNING, limit=MOST_SHOWN)
                report["current"] = [job_words(job) for job in running]
            report["engine"] = library.state("engine") or {}
            report["intake"] = library.state("intake") or {}
            report["sidecars"]["orphans"] = report["intake"].get("orphans", 0)
            counts = library.counts()
            report["jobs"] |= {str(state): count for state, count in counts.items()}
            if pid is not None and any(counts[state] for state in (JobState.QUEUED, JobState.RUNNING)):
                report["power"] = library.state("power") or {}  # without work it is not looked at
            report["not_taken"] = not_taken_words(library.refusal_counts())
            pending = [job for job in library.jobs(state=JobState.PUBLISHING, limit=MOST_PENDING) if job.reason]
            report["sidecars"] |= omit_missing(pending=len(pending), reason=pending[0].reason if pending else None)
            report["speed"] = library.speed()
    except NotFoundError:
        report["database_exists"] = False
    except TransientError as error:
        report["database_error"] = f"{error} {error.advice}"
    return report


def lines(report: dict[str, Any], settings: Settings) -> Iterator[tuple[str, str]]:
    """The same for people."""
    yield "daemon", daemon_line(report["daemon"])
    if error := report.get("database_error"):  # nobody knows the rest
        yield "trouble", safe_text(error)
        return
    if trouble := report["daemon"].get("trouble"):
        yield "trouble", safe_text(trouble)
    yield "model", engine_line(report["engine"], report["daemon"]["running"])
    if report["daemon"]["running"]:
        yield from (("note", safe_text(note)) for note in report["engine"].get("notes", ()))
    if reason := report["power"].get("reason"):
        yield "power", f'{reason} `smolwatch run --now` does not mind, nor does `work.power = "ignore"`.'
    yield "inbox", safe_text(report.get("inbox_error") or inbox_line(report["inbox"], report["intake"]))
    none = "none" if report["database_exists"] else "none; there is no database yet"
    yield "jobs", " · ".join(f"{state} {count}" for state, count in report["jobs"].items() if count) or none
    not_taken = report["not_taken"]
    if count := not_taken["count"]:
        yield "not taken", f"{count:,}: {refusal_texts.skipped_text(not_taken['kinds'])}"
    if waits := not_taken["waiting"]:
        yield "waiting", f"{sum(waits.values()):,}: {refusal_texts.waiting_text(waits)}"
    for job in report["current"]:
        path = safe_path(os.fsencode(job["path"]), inbox_root(settings))
        yield "now", f"{path} (job {job['id']}, attempt {job['attempts']}, since {job['started_at']})"
    if sidecars := sidecars_line(report["sidecars"]):
        yield "sidecars", sidecars
    if speed := speed_line(report["speed"]):
        yield "speed", speed


def not_taken_words(counts: refusal_texts.Counts) -> dict[str, Any]:
    """What intake did not take: by kind what is never described as it is, by reason what only waits."""
    kinds = refusal_texts.skipped(counts)
    return {"count": sum(kinds.values()), "kinds": kinds, "waiting": refusal_texts.waiting(counts)}


def daemon_line(daemon: dict[str, Any]) -> str:
    if not daemon["running"]:
        refused = f" The service would not start it: {daemon['refused']}" if "refused" in daemon else ""
        return safe_text(f"not running. {DaemonNotRunningError.advice}{refused}")
    since = f", since {iso_utc(datetime.fromisoformat(daemon['started_at']))}" if "started_at" in daemon else ""
    return f"running, process {daemon['pid']}{since}"


def engine_line(engine: dict[str, Any], running: bool) -> str:
    """What the engine last said of itself, which without a daemon is history."""
    if not engine or not (running or engine["state"] == "unavailable"):
        return "not loaded"
    if engine["state"] == "idle":
        return safe_text(f"idle: {engine['model']} is loaded with the next file")
    if engine["state"] == "ready":
        return safe_text(f"{engine['model']} on {engine['device']}, {engine['dtype']}, {engine['detail']} detail")
    said = ". ".join(str(engine[key]).rstrip(".") for key in ("state", "reason", "advice") if engine.get(key))
    return safe_text(said if running else f"not loaded; when it last ran: {said}")


def inbox_line(inbox: str, intake: dict[str, Any]) -> str:
    problem, advice = intake.get("problem"), intake.get("advice")
    return " ".join(filter(None, [inbox, problem and f"({problem})", advice]))


def holds_any(folder: Path) -> bool:
    try:
        with os.scandir(folder) as found:
            return next(found, None) is not None
    except OSError:
        return False


def sidecars_line(sidecars: dict[str, Any]) -> str:
    """What does not stand beside its file, if anything."""
    parts = []
    if sidecars["pending"]:
        parts.append(f"{sidecars['pending']} waiting, and tried again by itself. {sidecars['reason']}.")
    if orphans := sidecars["orphans"]:
        gone = "1 described file is gone, but its" if orphans == 1 else f"{orphans} described files are gone, but their"
        parts.append(f"{gone} sidecars are still there (output.orphans).")
    if "mirror" in sidecars:
        parts.append(f"Those of folders that cannot be written stand below {sidecars['mirror']}.")
    return safe_text(" ".join(parts))


def speed_line(speed: dict[str, Any]) -> str:
    parts = [f"{kind} {seconds:.1f} s" for kind, seconds in speed.get("seconds", {}).items()]
    if "tokens_per_second" in speed:
        parts.append(f"{speed['tokens_per_second']:.0f} tokens a second")
    return " · ".join(parts)
