"""The numbers that the system gives disks (st_dev), which may be others after a restart of the machine.

macOS numbers its volumes anew; Linux does so with btrfs and with shares. The inbox's own folder shows it: it has the
inode that was noted, and another disk's number.
"""

from __future__ import annotations

from loguru import logger

from daemon.intake.inbox_mount import root_id
from storage.jobs.store import JobStore

#: Under which the inbox's folder is noted: {"device": 16777231, "inode": 12}.
KEY = "inbox disk"


def update_device_numbers(store: JobStore, root: bytes) -> None:
    """Bring the stored numbers up to date, before anybody goes by them. Raises StorageError.

    Of other disks than the inbox's the number is unknown then, until a file on them is seen.
    """
    try:
        device, inode = root_id(root)
    except OSError:  # it is away: what is noted holds until it is back
        return
    before = store.state(KEY)
    if before is not None and before["inode"] == inode and before["device"] != device:
        count = store.whereabouts.renumber(before["device"], device)
        logger.info("The system has renumbered the disks; updated {} jobs", count)
    if before != (noted := {"device": device, "inode": inode}):
        store.set_state(KEY, noted)
