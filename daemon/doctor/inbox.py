"""The inbox: can it be read and written, can it be watched, and are its files here at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from loguru import logger

from config.errors import SmolwatchError
from config.settings import Settings
from daemon.doctor.finding import Finding, not_applicable, ok, problem, warning
from daemon.errors import MediaError, NoAccessError
from daemon.intake.filters import PLACEHOLDER, filters_of
from daemon.intake.inbox_path import inbox_error
from daemon.intake.sweep import Found, inbox_root, sweep
from daemon.intake.watch.event_queue import WatchEvents
from daemon.intake.watch.watcher import Watcher
from daemon.media.safe_open import access_advice, is_dataless, open_checked

#: More files than this are not looked at one by one.
MOST_FILES = 10_000
SKEW = timedelta(days=1)
HERE_ALL_THE_TIME = (
    "What is not here waits. Keep its folder downloaded (in the Finder), or choose an inbox outside of iCloud Drive."
)


@dataclass(frozen=True, kw_only=True)
class InboxFacts:
    """`error`: why it cannot be an inbox, or that a chosen one is missing; `missing`: the default one is.

    `barred`: why its listing or its first file was refused. `watched`: by what, and `advice` what that means.
    `files`: how many were looked at; `elsewhere`: those of which only a placeholder is here; `ahead`: those from
    tomorrow or later.
    """

    path: Path
    error: SmolwatchError | None = None
    missing: bool = False
    barred: OSError | NoAccessError | None = None
    writable: bool = True
    watched: str = ""
    advice: str = ""
    files: int = 0
    elsewhere: int = 0
    ahead: int = 0


def look_at_inbox(settings: Settings, now: datetime) -> InboxFacts:
    path = settings.inbox_path
    if (unusable := inbox_error(settings)) is not None:
        return InboxFacts(path=path, error=unusable)
    try:
        files = list(islice(files_below(settings), MOST_FILES))
    except (FileNotFoundError, NotADirectoryError):
        return InboxFacts(path=path, missing=True)
    except OSError as error:
        return InboxFacts(path=path, barred=error)
    watched, advice = watched_by(path, settings)
    return InboxFacts(
        path=path,
        barred=refusal_of(next((file.path for file in files if file.is_here), None)),
        writable=os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids),
        watched=watched,
        advice=advice,
        files=len(files),
        elsewhere=sum(not file.is_here for file in files),
        ahead=sum(file.changed > (now + SKEW).timestamp() for file in files),
    )


@dataclass(frozen=True)
class File:
    """`changed`: seconds since 1970, 0 for the placeholder of a file that is not here."""

    path: bytes
    is_here: bool
    changed: float = 0.0


def files_below(settings: Settings) -> Iterator[File]:
    """What would be taken, and the placeholders of what is not here. Raises OSError when the inbox cannot be listed."""
    root = inbox_root(settings)
    for entry in sweep(root, filters_of(settings, root)):
        if isinstance(entry, Found):
            yield File(entry.path, not is_dataless(entry.stat), entry.stat.st_mtime)
        elif entry.rejection is PLACEHOLDER:
            yield File(entry.path, is_here=False)


def refusal_of(file: bytes | None) -> NoAccessError | None:
    """What the system says to opening a file of the inbox: macOS may allow the listing and no more."""
    if file is None:
        return None
    try:
        os.close(open_checked(file, max_bytes=2**62))
    except NoAccessError as error:
        return error
    except MediaError:
        return None
    return None


def watched_by(path: Path, settings: Settings) -> tuple[str, str]:
    """How the inbox would be watched, by really doing so for a moment; and what is to be known of that."""
    watcher = Watcher(os.fsencode(path.resolve()), WatchEvents(), settings.inbox.observer)
    logger.disable("daemon.intake")  # what it warns of is said here
    try:
        watcher.start()
        return watcher.kind, watcher.advice
    except OSError as error:
        return "none", f"The inbox cannot be watched: {error.strerror or error}."
    finally:
        watcher.stop()
        logger.enable("daemon.intake")


def lines(inbox: InboxFacts) -> Iterator[Finding]:
    yield access_line(inbox)
    if inbox.error or inbox.missing or isinstance(inbox.barred, OSError):
        yield from (not_applicable(name, "The inbox cannot be looked at.") for name in ("watching", "cloud", "times"))
        return
    yield watching_line(inbox)
    yield cloud_line(inbox)
    yield times_line(inbox)


def access_line(inbox: InboxFacts) -> Finding:
    if inbox.error:
        return problem("inbox", str(inbox.error), inbox.error.advice)
    if inbox.missing:
        return ok("inbox", f"{inbox.path}; it is created at the next start")
    if isinstance(inbox.barred, NoAccessError):
        return problem(
            "inbox", f"{inbox.path} can be listed, but a file in it not be opened. {inbox.barred}", inbox.barred.advice
        )
    if inbox.barred is not None:
        return barred_line(inbox.path, inbox.barred)
    if not inbox.writable:
        advice = "Descriptions are kept in the database alone; to have them beside the files, allow writing there."
        return warning("inbox", f"{inbox.path} can be read, but not written", advice)
    return ok("inbox", f"{inbox.path}, can be read and written")


def barred_line(path: Path, error: OSError) -> Finding:
    """EPERM is macOS's privacy, which no chmod changes; EACCES is the folder's own permissions."""
    if error.errno == errno.EPERM:
        return problem(
            "inbox", f"The system keeps smolwatch out of {path} (its privacy settings)", access_advice(error)
        )
    if error.errno == errno.EACCES:
        return problem("inbox", f"The permissions of {path} keep smolwatch out", access_advice(error))
    return problem("inbox", f"{path}: {error.strerror}", "Look at the disk that it lies on.")


def watching_line(inbox: InboxFacts) -> Finding:
    if inbox.watched == "none":
        return problem("watching", inbox.advice, "Choose an inbox on a local disk: inbox.path in the settings.")
    if inbox.advice:
        advice = "Nothing need be done. New files are found a little later."
        return warning("watching", inbox.advice, advice)
    return ok("watching", "the system tells of new files at once")


def cloud_line(inbox: InboxFacts) -> Finding:
    if inbox.elsewhere:
        return warning("cloud", f"{of_the_inbox(inbox.elsewhere)} in iCloud only", HERE_ALL_THE_TIME)
    return ok("cloud", f"{inbox.files} files looked at; all are here")


def times_line(inbox: InboxFacts) -> Finding:
    if inbox.ahead:
        words = f"{of_the_inbox(inbox.ahead)} from the future"
        return warning("times", words, "Look at this machine's clock, or at that of the machine they came from.")
    return ok("times", "no file is from the future")


def of_the_inbox(count: int) -> str:
    return "1 file of the inbox is" if count == 1 else f"{count} files of the inbox are"
