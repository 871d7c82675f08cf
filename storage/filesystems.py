"""The file system that a path is on, and its free space. Reads only."""

from __future__ import annotations

import shutil
from pathlib import Path

#: File systems that other machines can use at the same time, as Linux and macOS name them. macOS does not report what
#: is behind a FUSE volume (macfuse, osxfuse, fusefs): most are remote, and none sends change events.
NETWORK = frozenset(
    "nfs nfs4 cifs smb2 smb3 smbfs afpfs webdav davfs afs ncpfs ceph glusterfs lustre beegfs gpfs "
    "fuse.sshfs fuse.rclone fuse.davfs2 fuse.s3fs fuse.gcsfuse fuse.ceph fuse.glusterfs "
    "ftp macfuse osxfuse fusefs".split()
)


def network_kind(path: Path) -> str | None:
    """The type of the network file system that the path is on; None for a local or unknown one."""
    kind = kind_at(path.resolve(), mounts())
    return kind if kind in NETWORK else None


def free_bytes(folder: Path) -> int:
    """The bytes that a user can still write to the folder's disk. Raises OSError."""
    return shutil.disk_usage(folder).free


def kind_at(path: Path, mounts: list[tuple[str, str]]) -> str | None:
    """The type of the mount that the path is on: the deepest one; of several at one place the last. Pure."""
    best: tuple[int, str | None] = (-1, None)
    for mount_point, kind in mounts:
        if path.is_relative_to(mount_point) and len(mount_point) >= best[0]:
            best = (len(mount_point), kind)
    return best[1]


def mounts() -> list[tuple[str, str]]:
    """(mount point, file system type) in the order of mounting; empty where the system does not list them."""
    import psutil  # slow to import, and short commands never get here

    try:
        return [(mount.mountpoint, mount.fstype) for mount in psutil.disk_partitions(all=True)]
    except OSError:
        return []
