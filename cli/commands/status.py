"""`smolwatch status`: whether the daemon is running, whether it can describe, and its progress."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from cli.lookup import inbox_roots, open_library
from cli.options import json_option
from cli.origins import mixed_line
from cli.render import job_json, safe_path, say_facts, say_json, size
from cli.times import ago, both, local_time, rate_per_minute, speed_text, utc_now
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
from storage.library import Library
from storage.lifecycle import JobState
from storage.status.inbox_values import combined

SCHEMA = 1
LIVE = (JobState.QUEUED, JobState.RUNNING, JobState.PUBLISHING)
#: Jobs under way in the document; and in the lines for people.
MOST_CURRENT = 20
MOST_NOW = 3
MOST_PENDING = 1000
#: The speed is that of so many minutes.
WINDOW = timedelta(minutes=5)


@click.command(short_help="Show whether the daemon is running, and its progress.")
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> int:
    """Show whether the daemon is running, whether it can describe, what it does now, its speed and the time left.

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


def lines(report: dict[str, Any], settings: Settings) -> Iterator[tuple[str, str]]:
    """The same for people."""
    now, daemon = utc_now(), report["daemon"]
    yield "daemon", daemon_line(daemon, now)
    if error := report.get("database_error"):  # the rest is not known
        yield "trouble", safe_text(error)
        return
    if since := report.get("paused_since"):
        yield "paused", f"since {both(datetime.fromisoformat(since), now)}. To continue: smolwatch resume"
    if evaluation := report.get("evaluation"):
        yield (
            "evaluation",
            f"process {evaluation['pid']} evaluates a model on the same device; both are slower meanwhile",
        )
    if trouble := daemon.get("trouble"):
        yield "trouble", safe_text(trouble)
    yield from engine_lines(report, running=daemon["running"])
    if reason := report["power"].get("reason"):
        yield "power", f'{reason} To ignore this: `smolwatch run --now`, or `work.power = "ignore"`.'
    yield from inbox_lines(report)
    yield "files", files_line(report)
    not_taken = report["not_taken"]
    if count := not_taken["count"]:
        yield "not taken", f"{count:,}: {refusal_texts.skipped_text(not_taken['kinds'])}"
    if waits := not_taken["waiting"]:
        yield "not ready", f"{sum(waits.values()):,}: {refusal_texts.waiting_text(waits)}"
    yield from now_lines(report, inbox_roots(settings), now)
    if sidecars := sidecars_line(report["sidecars"]):
        yield "sidecars", sidecars
    yield from (("origin", safe_text(mixed_line(mixed, settings))) for mixed in report.get("mixed_origins", ()))
    if speed := speed_line(report["speed"], report["files"]["waiting"]):
        yield "speed", speed
    yield "log", safe_text(report["log"])


def files_json(counts: Mapping[JobState, int]) -> dict[str, int]:
    """How many files are in each state, by the newest job of each."""
    return {
        "done": counts[JobState.DONE],
        "waiting": sum(counts[state] for state in LIVE),
        "failed": counts[JobState.FAILED],
        "skipped": counts[JobState.SKIPPED],
        "gone": counts[JobState.GONE],
    }


def files_line(report: dict[str, Any]) -> str:
    """ "300 done · 12 waiting · 1 failed"."""
    none = "none" if report["database_exists"] else "none; there is no database yet"
    return " · ".join(f"{count:,} {state}" for state, count in report["files"].items() if count) or none


def now_lines(report: dict[str, Any], inboxes: Sequence[Path], now: datetime) -> Iterator[tuple[str, str]]:
    for job in report["current"][:MOST_NOW]:
        path, since = safe_path(os.fsencode(job["path"]), inboxes), datetime.fromisoformat(job["started_at"])
        attempt = f", attempt {job['attempts']}" if job["attempts"] > 1 else ""
        yield "now", f"{path} (job {job['id']}{attempt}, started {ago(since, now)})"
    if (more := report["jobs"][JobState.RUNNING] - MOST_NOW) > 0:
        yield "", f"and {more:,} more"


def not_taken_json(counts: refusal_texts.Counts) -> dict[str, Any]:
    """What intake did not admit: by kind what is never described as it is, by reason what may be admitted later."""
    kinds = refusal_texts.skipped(counts)
    return {"count": sum(kinds.values()), "kinds": kinds, "waiting": refusal_texts.waiting(counts)}


def daemon_line(daemon: dict[str, Any], now: datetime) -> str:
    if not daemon["running"]:
        refused = f" The service did not start it: {daemon['refused']}" if "refused" in daemon else ""
        return safe_text(f"not running. {DaemonNotRunningError.advice}{refused}")
    since = f", since {local_time(datetime.fromisoformat(daemon['started_at']), now)}" if "started_at" in daemon else ""
    return f"running, process {daemon['pid']}{since}"


def engine_lines(report: dict[str, Any], *, running: bool) -> Iterator[tuple[str, str]]:
    yield "model", engine_line(report["engine"], running)
    if running:
        yield from (("note", safe_text(note)) for note in report["engine"].get("notes", ()))
    if cache := report["feature_cache"]:
        yield "features", features_line(cache)


def engine_line(engine: dict[str, Any], running: bool) -> str:
    """The engine's last state, which is out of date without a daemon."""
    if not engine or not (running or engine["state"] == "unavailable"):
        return "not loaded"
    if engine["state"] == "idle":
        return safe_text(f"idle: {engine['model']} is loaded with the next file")
    if engine["state"] == "ready":
        doubt = f". Not trusted: {engine['problem']}" if "problem" in engine else ""
        ran_as = f"{engine['device']}, {engine['dtype']}, {engine['detail']} detail"
        return safe_text(f"{engine['model']} on {ran_as}{doubt}")
    text = ". ".join(str(engine[key]).rstrip(".") for key in ("state", "reason", "advice") if engine.get(key))
    return safe_text(text if running else f"not loaded; in the last run: {text}")


def features_line(cache: dict[str, int]) -> str:
    """How much of the pictures' features is kept, and how much work that has saved."""
    tiles = cache["hits"] + cache["misses"]
    found = f"{cache['hits']:,} of {tiles:,} tiles were not encoded again; " if tiles else ""
    return f"{found}{size(cache['memory_bytes'])} in memory, {size(cache['disk_bytes'])} on disk"


def inboxes_json(paths: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "path": path} for name, path in paths.items()]


def inbox_lines(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """One line for each inbox. Of several, each begins with its name."""
    for item in report["inboxes"]:
        intake = item.get("intake", {})
        problem, advice = intake.get("problem"), intake.get("advice")
        line = " ".join(filter(None, [item["path"], problem and f"({problem})", advice]))
        name = f"{item['name']}: " if len(report["inboxes"]) > 1 else ""
        yield "inbox", safe_text(name + item.get("error", line))


def holds_any(folder: Path) -> bool:
    try:
        with os.scandir(folder) as found:
            return next(found, None) is not None
    except OSError:
        return False


def sidecars_line(sidecars: dict[str, Any]) -> str:
    """Sidecars that are not beside their files, if any."""
    parts = []
    if sidecars["pending"]:
        parts.append(f"{sidecars['pending']} not written yet, retried automatically. {sidecars['reason']}.")
    if orphans := sidecars["orphans"]:
        gone = "1 described file is gone, but its" if orphans == 1 else f"{orphans} described files are gone, but their"
        parts.append(f"{gone} sidecars are still there (output.orphans).")
    if "mirror" in sidecars:
        parts.append(f"For folders that cannot be written, they are below {sidecars['mirror']}.")
    return safe_text(" ".join(parts))


def speed_line(speed: dict[str, Any], waiting: int) -> str:
    """While work is under way, files a minute and the time left; else how long the last files took."""
    if current := speed_text(speed.get("files_per_minute"), waiting):
        return current
    parts = [f"{kind} {seconds:.1f} s" for kind, seconds in speed.get("seconds", {}).items()]
    if "tokens_per_second" in speed:
        parts.append(f"{speed['tokens_per_second']:.0f} tokens a second")
    return f"{' · '.join(parts)} (from start to end, many at once)" if parts else ""
