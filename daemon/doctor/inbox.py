"""The inboxes: permissions, notifications, files in iCloud, and files from the future."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from loguru import logger

from config.errors import SmolwatchError
from config.settings import Settings
from daemon.doctor.finding import Finding, not_applicable, ok, problem, warning
from daemon.errors import MediaError, NoAccessError
from daemon.intake.filters import PLACEHOLDER
from daemon.intake.inbox_path import inbox_error
from daemon.intake.sweep import Found, sweep
from daemon.intake.watch.event_queue import WatchEvents
from daemon.intake.watch.watcher import Watcher
from daemon.intake.watched_inboxes import WatchedInbox, inboxes_of
from daemon.media.safe_open import access_advice, is_dataless, open_checked

#: At most this many files are checked one by one.
MOST_FILES = 10_000
SKEW = timedelta(days=1)
WAITING_IN_ICLOUD = (
    "They wait until they are downloaded. Choose Keep Downloaded for the folder (in the Finder), or an inbox outside "
    "iCloud Drive."
)


@dataclass(frozen=True, kw_only=True)
class InboxFacts:
    """`name`: "" for the only inbox. `error`: why it cannot be one, or that it is missing; `missing`: the default is.

    `access_error`: why its listing or its first file was refused. `watched`: by what, and `advice` what that means.
    `files`: how many were looked at; `not_local`: those of which only a placeholder is here; `in_future`: those from
    tomorrow or later.
    """

    path: Path
    name: str = ""
    error: SmolwatchError | None = None
    missing: bool = False
    access_error: OSError | NoAccessError | None = None
    writable: bool = True
    watched: str = ""
    advice: str = ""
    files: int = 0
    not_local: int = 0
    in_future: int = 0


def look_at_inboxes(settings: Settings, now: datetime) -> tuple[InboxFacts, ...]:
    return tuple(look_at_inbox(inbox, settings, now) for inbox in inboxes_of(settings))


def look_at_inbox(inbox: WatchedInbox, settings: Settings, now: datetime) -> InboxFacts:
    path, name = inbox.settings.path, inbox.name if settings.inbox_tables else ""
    if (unusable := inbox_error(settings, inbox.settings)) is not None:
        return InboxFacts(path=path, name=name, error=unusable)
    try:
        files = list(islice(files_below(inbox), MOST_FILES))
    except (FileNotFoundError, NotADirectoryError):
        return InboxFacts(path=path, name=name, missing=True)
    except OSError as error:
        return InboxFacts(path=path, name=name, access_error=error)
    watched, advice = watched_by(inbox)
    return InboxFacts(
        path=path,
        name=name,
        access_error=refusal_of(next((file.path for file in files if file.is_here), None)),
        writable=os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids),
        watched=watched,
        advice=advice,
        files=len(files),
        not_local=sum(not file.is_here for file in files),
        in_future=sum(file.changed > (now + SKEW).timestamp() for file in files),
    )


@dataclass(frozen=True)
class File:
    """`changed`: seconds since 1970, 0 for a placeholder."""

    path: bytes
    is_here: bool
    changed: float = 0.0


def files_below(inbox: WatchedInbox) -> Iterator[File]:
    """Files to describe, and placeholders of files in iCloud. Raises OSError when the inbox cannot be listed."""
    for entry in sweep(inbox.root, inbox.filters):
        if isinstance(entry, Found):
            yield File(entry.path, not is_dataless(entry.stat), entry.stat.st_mtime)
        elif entry.rejection is PLACEHOLDER:
            yield File(entry.path, is_here=False)


def refusal_of(file: bytes | None) -> NoAccessError | None:
    """The error of opening a file of the inbox, if any: macOS can allow the listing alone."""
    if file is None:
        return None
    try:
        os.close(open_checked(file, max_bytes=2**62))
    except NoAccessError as error:
        return error
    except MediaError:
        return None
    return None


def watched_by(inbox: WatchedInbox) -> tuple[str, str]:
    """The kind of watcher, found by starting it for a moment, and its advice."""
    watcher = Watcher(inbox.root, WatchEvents(), inbox.settings.observer)
    logger.disable("daemon.intake")  # its warnings are reported here
    try:
        watcher.start()
        return watcher.kind, watcher.advice
    except OSError as error:
        return "none", f"The inbox cannot be watched: {error.strerror or error}."
    finally:
        watcher.stop()
        logger.enable("daemon.intake")


def findings(inbox: InboxFacts) -> Iterator[Finding]:
    """Of several inboxes, each finding's name ends with that of its inbox."""
    for finding in findings_of_one(inbox):
        yield replace(finding, name=f"{finding.name} {inbox.name}".rstrip())


def findings_of_one(inbox: InboxFacts) -> Iterator[Finding]:
    yield access_line(inbox)
    if inbox.error or inbox.missing or isinstance(inbox.access_error, OSError):
        yield from (not_applicable(name, "The inbox cannot be read.") for name in ("watching", "cloud", "times"))
        return
    yield watching_line(inbox)
    yield cloud_line(inbox)
    yield times_line(inbox)


def access_line(inbox: InboxFacts) -> Finding:
    if inbox.error:
        return problem("inbox", str(inbox.error), inbox.error.advice)
    if inbox.missing:
        return ok("inbox", f"{inbox.path}; it is created at the next start")
    if isinstance(inbox.access_error, NoAccessError):
        return problem(
            "inbox",
            f"{inbox.path} can be listed, but its files cannot be opened. {inbox.access_error}",
            inbox.access_error.advice,
        )
    if inbox.access_error is not None:
        return barred_line(inbox.path, inbox.access_error)
    if not inbox.writable:
        advice = "Sidecars are written to the home instead. To have them beside the files, allow writing there."
        return warning("inbox", f"{inbox.path} can be read but not written", advice)
    return ok("inbox", f"{inbox.path}, readable and writable")


def barred_line(path: Path, error: OSError) -> Finding:
    """EPERM: macOS's privacy settings, which chmod does not change; EACCES: the folder's permissions."""
    if error.errno == errno.EPERM:
        return problem("inbox", f"The system denies access to {path} (its privacy settings)", access_advice(error))
    if error.errno == errno.EACCES:
        return problem("inbox", f"The permissions of {path} deny access", access_advice(error))
    return problem("inbox", f"{path}: {error.strerror}", "Check the disk that holds it.")


def watching_line(inbox: InboxFacts) -> Finding:
    if inbox.watched == "none":
        return problem("watching", inbox.advice, "Choose an inbox on a local disk: inbox.path in the settings.")
    if inbox.advice:
        advice = "No action is needed. New files are found a little later."
        return warning("watching", inbox.advice, advice)
    return ok("watching", "the system sends notifications of new files")


def cloud_line(inbox: InboxFacts) -> Finding:
    if inbox.not_local:
        return warning("cloud", f"{of_the_inbox(inbox.not_local)} only in iCloud", WAITING_IN_ICLOUD)
    return ok("cloud", f"{inbox.files} files checked; all are on this machine")


def times_line(inbox: InboxFacts) -> Finding:
    if inbox.in_future:
        count = "1 file has" if inbox.in_future == 1 else f"{inbox.in_future} files have"
        text = f"{count} a modification date in the future"
        return warning("times", text, "Check the clock of this machine, and of the one that the files came from.")
    return ok("times", "no file has a modification date in the future")


def of_the_inbox(count: int) -> str:
    return "1 file of the inbox is" if count == 1 else f"{count} files of the inbox are"
