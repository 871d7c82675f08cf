"""Device numbers of disks (st_dev), which may change when the machine restarts.

macOS renumbers its volumes; Linux does so for btrfs and network shares. The inbox's own folder reveals it: it has the
stored inode and another device number.
"""

from __future__ import annotations

from loguru import logger

from daemon.intake.inbox_mount import root_id
from storage.jobs.store import JobStore
from storage.status.board import StatusBoard
from storage.status.values import InboxDisk


def update_device_numbers(store: JobStore, board: StatusBoard, root: bytes) -> None:
    """Update the stored numbers before they are used. Raises StorageError.

    Numbers of other disks become unknown, until a file on them is seen.
    """
    try:
        device, inode = root_id(root)
    except OSError:  # it is missing: the stored numbers hold until it is back
        return
    before = board.inbox_disk() or InboxDisk()
    if before.inode == inode and before.device is not None and before.device != device:
        count = store.presence.renumber_device(before.device, device)
        logger.info("The system has renumbered the disks; updated {} jobs", count)
    if (before.device, before.inode) != (device, inode):
        board.post(InboxDisk(device=device, inode=inode))
