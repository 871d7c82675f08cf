"""What kind of disk a file lies on, and how much room it has. Asks the system; changes nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

#: File systems whose files another machine may hold as well, as Linux and macOS call them. macOS does not say what a
#: FUSE volume stands for (macfuse, osxfuse, fusefs): most are remote, and none announces changes.
NETWORK = frozenset(
    "nfs nfs4 cifs smb2 smb3 smbfs afpfs webdav davfs afs ncpfs ceph glusterfs lustre beegfs gpfs "
    "fuse.sshfs fuse.rclone fuse.davfs2 fuse.s3fs fuse.gcsfuse fuse.ceph fuse.glusterfs "
    "ftp macfuse osxfuse fusefs".split()
)
MOUNTS_LINUX = Path("/proc/self/mountinfo")
OCTAL = re.compile(r"\\([0-7]{3})")
MOUNT_LINE = re.compile(r".* on (?P<where>/.*) \((?P<kind>[^,)]+).*")


def network_kind(path: Path) -> str | None:
    """The name of the network file system that the path lies on; None on a local disk, or where nobody knows."""
    kind = kind_at(path.resolve(), mounts())
    return kind if kind in NETWORK else None


def free_bytes(folder: Path) -> int:
    """What a user may still write on the folder's disk. Raises OSError."""
    return shutil.disk_usage(folder).free


def kind_at(path: Path, mounts: list[tuple[str, str]]) -> str | None:
    """The kind of the mount that the path lies on: the deepest one, and of several there the last. Pure."""
    best: tuple[int, str | None] = (-1, None)
    for where, kind in mounts:
        if path.is_relative_to(where) and len(where) >= best[0]:
            best = (len(where), kind)
    return best[1]


def mounts() -> list[tuple[str, str]]:
    """(mount point, kind of file system) in the order in which they were mounted; none where the system says none."""
    try:
        if sys.platform == "darwin":
            said = subprocess.run(["/sbin/mount"], capture_output=True, check=True, timeout=5).stdout
            return of_mount_command(os.fsdecode(said))
        return of_mountinfo(os.fsdecode(MOUNTS_LINUX.read_bytes()))
    except (OSError, subprocess.SubprocessError):
        return []


def of_mountinfo(text: str) -> list[tuple[str, str]]:
    """Linux: "36 35 98:0 / /mnt/a\\040b rw - ext3 /dev/root rw"; see proc(5)."""
    found = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        if len(fields := before.split(" ")) > 4 and after:
            where = OCTAL.sub(lambda digits: chr(int(digits[1], 8)), fields[4])
            found.append((where, after.split(" ")[0]))
    return found


def of_mount_command(text: str) -> list[tuple[str, str]]:
    """macOS: "//ann@nas/share on /Volumes/share (smbfs, nodev, nosuid)"; see mount(8)."""
    return [(line["where"], line["kind"]) for line in map(MOUNT_LINE.fullmatch, text.splitlines()) if line]
