"""`smolwatch status`: whether the daemon is running, whether it can describe, and its progress."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cli.lookup import inbox_roots
from cli.options import json_option
from cli.origins import mixed_line
from cli.render import safe_path, say_facts, say_json, size
from cli.status_document import look
from cli.times import ago, both, local_time, speed_text, utc_now
from config.errors import DaemonNotRunningError
from config.load import load_settings
from config.safe_text import safe_text
from config.settings import Settings
from daemon.intake import refusal_texts
from storage.lifecycle import JobState

#: The jobs under way that are shown.
MOST_NOW = 3


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


def inbox_lines(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """One line for each inbox. Of several, each begins with its name."""
    for item in report["inboxes"]:
        intake = item.get("intake", {})
        problem, advice = intake.get("problem"), intake.get("advice")
        line = " ".join(filter(None, [item["path"], problem and f"({problem})", advice]))
        name = f"{item['name']}: " if len(report["inboxes"]) > 1 else ""
        yield "inbox", safe_text(name + item.get("error", line))


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
