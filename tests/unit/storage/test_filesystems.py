from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from storage import filesystems
from storage.filesystems import free_bytes, kind_at, mounts, network_kind

#: As /proc/self/mounts lists them; a bind mount has the device and type of the file system that it shows.
LINUX = """\
proc /proc proc rw,relatime 0 0
/dev/vda / ext4 rw,relatime 0 0
systemd-1 /home/ann/my\\040nas autofs rw,fd=29 0 0
nas:/export /home/ann/my\\040nas nfs4 rw,vers=4.2 0 0
ann@pi:/photos /mnt/pi fuse.sshfs rw,user_id=1000 0 0
nas:/export /srv/photos nfs4 rw,vers=4.2 0 0
nonsense
"""
#: As `psutil` lists them on macOS.
MAC = [
    ("/", "apfs"),
    ("/System/Volumes/Data", "apfs"),
    ("/Volumes/photos (new)", "smbfs"),
    ("/System/Volumes/Data/home", "autofs"),
]


@pytest.mark.skipif(sys.platform != "linux", reason="reads what only Linux has")
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/ann/inbox", "ext4"),
        ("/home/ann/my nas", "nfs4"),
        ("/home/ann/my nas/deep/smolwatch.db", "nfs4"),
        ("/home/ann/my nashville", "ext4"),
        ("/mnt/pi/inbox", "fuse.sshfs"),
        ("/srv/photos/inbox", "nfs4"),
    ],
)
def test_the_file_system_of_a_path_on_linux(
    path: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "mounts").write_text(LINUX)
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    assert kind_at(Path(path), mounts()) == kind


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/Users/ann", "apfs"), ("/Volumes/photos (new)/inbox", "smbfs"), ("/System/Volumes/Data/home/x", "autofs")],
)
def test_the_file_system_of_a_path_on_macos(path: str, kind: str) -> None:
    assert kind_at(Path(path), MAC) == kind


@pytest.mark.parametrize("kind", ["macfuse", "osxfuse", "fusefs", "ftp", "smbfs"])
def test_a_volume_of_a_mac_that_sends_no_change_events_counts_as_a_network_disk(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filesystems, "mounts", lambda: [("/", kind)])
    assert network_kind(Path("/inbox")) == kind


@pytest.mark.skipif(sys.platform != "linux", reason="removes what only Linux has")
def test_without_a_list_of_mounts_no_disk_is_a_network_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    assert mounts() == []
    assert network_kind(tmp_path) is None


def test_without_a_mount_the_file_system_is_unknown() -> None:
    assert kind_at(Path("/anywhere"), []) is None


def test_a_network_disk_is_named_and_a_local_one_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert network_kind(tmp_path) is None
    monkeypatch.setattr(filesystems, "mounts", lambda: [("/", "ext4"), (str(tmp_path.resolve()), "cifs")])
    assert network_kind(tmp_path / "not there yet") == "cifs"


def test_this_machine_has_mounts_and_room(tmp_path: Path) -> None:
    assert kind_at(Path("/"), mounts())
    assert free_bytes(tmp_path) > 0
