from __future__ import annotations

from pathlib import Path

import pytest

from storage import filesystems
from storage.filesystems import free_bytes, kind_at, network_kind, of_mount_command, of_mountinfo

LINUX = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 27 0:40 / /home/ann/my\\040nas rw - autofs systemd-1 rw
41 40 0:41 / /home/ann/my\\040nas rw master:2 propagate_from:1 - nfs4 nas:/export rw,vers=4.2
nonsense
"""
MAC = """\
/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled, nobrowse)
//ann@nas/photos on /Volumes/photos (new) (smbfs, nodev, nosuid, mounted by ann)
map auto_home on /System/Volumes/Data/home (autofs, automounted, nobrowse)
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/ann/inbox", "ext4"),
        ("/home/ann/my nas", "nfs4"),
        ("/home/ann/my nas/deep/smolwatch.db", "nfs4"),
        ("/home/ann/my nashville", "ext4"),
    ],
)
def test_linux_says_what_a_path_lies_on(path: str, kind: str) -> None:
    assert kind_at(Path(path), of_mountinfo(LINUX)) == kind


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/Users/ann", "apfs"), ("/Volumes/photos (new)/inbox", "smbfs"), ("/System/Volumes/Data/home/x", "autofs")],
)
def test_macos_says_what_a_path_lies_on(path: str, kind: str) -> None:
    assert kind_at(Path(path), of_mount_command(MAC)) == kind


@pytest.mark.parametrize("kind", ["macfuse", "osxfuse", "fusefs", "ftp", "smbfs"])
def test_a_volume_of_a_mac_that_announces_no_changes_counts_as_a_network_disk(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        filesystems, "mounts", lambda: of_mount_command(f"cloud on / ({kind}, nodev, mounted by ann)\n")
    )
    assert network_kind(Path("/inbox")) == kind


def test_where_nothing_is_known_nothing_is_said() -> None:
    assert kind_at(Path("/anywhere"), []) is None


def test_a_network_disk_is_named_and_a_local_one_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert network_kind(tmp_path) is None
    monkeypatch.setattr(filesystems, "mounts", lambda: [("/", "ext4"), (str(tmp_path.resolve()), "cifs")])
    assert network_kind(tmp_path / "not there yet") == "cifs"


def test_this_machine_has_mounts_and_room(tmp_path: Path) -> None:
    assert kind_at(Path("/"), filesystems.mounts())
    assert free_bytes(tmp_path) > 0
