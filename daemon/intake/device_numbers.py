"""Device numbers of disks (st_dev), which may change when the machine restarts.

macOS renumbers its volumes; Linux does so for btrfs and network shares. An inbox's own folder reveals it: it has the
stored inode and another device number.
"""

from __future__ import annotations

from collections.abc import Iterable

from loguru import logger

from daemon.intake.inbox_mount import root_id
from daemon.intake.watched_inboxes import WatchedInbox
from storage.jobs.store import JobStore
from storage.status.board import StatusBoard
from storage.status.inbox_values import InboxDisk


def update_device_numbers(store: JobStore, board: StatusBoard, inboxes: Iterable[WatchedInbox]) -> None:
    """Update the stored numbers before they are used. Raises StorageError.

    Numbers of other disks become unknown, until a file on them is seen.
    """
    seen = [(inbox.name, numbers) for inbox in inboxes if (numbers := numbers_of(inbox.root)) is not None]
    before = {name: board.inbox_disk(name) or InboxDisk(inbox=name) for name, _ in seen}
    changed = {
        old.device: device
        for name, (device, inode) in seen
        if (old := before[name]).inode == inode and old.device is not None and old.device != device
    }
    if changed:
        kept = {device: device for name, (device, _) in seen if before[name].device == device}
        count = store.presence.renumber_devices(kept | changed)
        logger.info("The system has renumbered the disks; updated {} jobs", count)
    for name, (device, inode) in seen:
        if (before[name].device, before[name].inode) != (device, inode):
            board.post(InboxDisk(inbox=name, device=device, inode=inode))


def numbers_of(root: bytes) -> tuple[int, int] | None:
    """The folder's device and inode; None if it is missing: the stored numbers hold until it is back."""
    try:
        return root_id(root)
    except OSError:
        return None
