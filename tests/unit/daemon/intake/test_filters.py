from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path

import pytest

from config.inboxes import InboxSettings
from config.load import load_settings
from daemon.intake.filters import OURS, SYMLINK, Filters, filters_of, reject_mode

FILTERS = Filters(InboxSettings())


ORDINARY = (
    "beach.jpg", "-rf", "notes.md", "a.tmp.jpg", "beach (1).jpg", "padlock.jpg", "my.backup.png", "original.png",
    "beach.sync-conflict-20240102-030405-ABCDEFG.jpg", "cpu.temp.png", "part.jpg", "thumbs.jpg", "~beach.jpg",
)  # fmt: skip
UNFINISHED = (
    "film.mp4.part", "x.CRDOWNLOAD", "~syncthing~a.jpg", ".syncthing.a.jpg.tmp", "a.jpg.icloud", "a.png.partial",
    "a.png.filepart", "a.png.aria2", "a.png.!ut", "a.png.!qB", "a.png.!sync", "a.png.opdownload", "a.png.downloading",
    "a.png.onetmp", "a.png.sb-1a2b3c4d-AbCdEf", ".goutputstream-AB12CD", ".beach.png.aB3dE6",
    "a.jpg_exiftool_tmp", "film.temp.mp4", ".pending-1700000000-IMG_1.jpg", "a.png.crswap",
)  # fmt: skip
LEFTOVERS = ("a.png.bak", "a.png~", "a.jpg_original", "a.png.swp", "a.png.lock", "~$a.png", "Photoshop Temp123")
OF_THE_SYSTEM = (
    ".DS_Store",
    "._beach.jpg",
    "Icon\r",
    "Desktop.ini",
    "thumbs.db",
    ".nfs0001",
    ".smbdeleteAAA",
    ".apdisk",
)


@pytest.mark.parametrize("name", [*map(os.fsencode, ORDINARY), b"b\xff.jpg"])
def test_ordinary_names_are_taken(name: bytes) -> None:
    assert FILTERS.reject_file(name) is None


@pytest.mark.parametrize(
    ("what", "name"),
    [
        *(("still being fetched or written", name) for name in UNFINISHED),
        *(("backup, lock or scratch file", name) for name in LEFTOVERS),
        *(("file of the operating system", name) for name in OF_THE_SYSTEM),
    ],
)
@pytest.mark.parametrize("hidden", [False, True])
def test_names_of_programs_and_of_the_system_are_rejected_with_a_sentence(what: str, name: str, hidden: bool) -> None:
    turned = Filters(InboxSettings(hidden=hidden)).reject_file(name.encode())
    assert turned is not None
    assert turned.code == "ignored-name"
    assert what in turned.reason
    assert turned.allowed_by.startswith('inbox.ignore = ["!')


def test_a_temporary_name_is_rejected_with_the_note_that_the_final_name_is_picked_up() -> None:
    turned = FILTERS.reject_file(b"beach.jpg.part")
    assert turned is not None
    assert turned.reason == (
        "Named like a file that is still being fetched or written ('*.part'); it is picked up under its final name."
    )


TRASH = (".Trash", ".trash-1000", ".Trashes", "$RECYCLE.BIN", "$Recycle.Bin", "#recycle", "@Recycle", ".dtrash")
SYSTEM = ("System Volume Information", "lost+found", "found.000", ".Spotlight-V100", "__MACOSX", ".fseventsd")
SNAPSHOTS = (".snapshot", ".snapshots", "#snapshot", ".zfs", "Backups.backupdb")
THUMBNAILS = (".thumbnails", "thumbs", "Thumbs", "@eaDir", ".@__thumb")
PACKAGES = (
    "Photos Library.photoslibrary", "A.photolibrary", "iPhoto.migratedphotolibrary", "A.aplibrary", "Previews.lrdata",
    "A.lrlibrary", "A.fcpbundle", "A.fcpcache", "A.imovielibrary", "iMovie Theater.theater", "Photo Booth Library",
    "iPhoto Library", "Preview.app", "A.bundle", "Song.band", "Slides.key", "Letter.PAGES", "Table.numbers",
)  # fmt: skip
PROGRAMS = (".immich", ".ppstorage", "node_modules", "__pycache__")
SYNC = (".sync", ".stfolder", ".stfolder.removed-2024", ".stversions", ".dropbox.cache", ".tmp.driveupload")
VERSIONS = (".git", ".svn", ".hg")
ON_THE_WAY = ("a.png.download", "_UNPACK_show", ".~tmp~", ".rsync-partial", "a.png.sb-1a2b3c4d-AbCdEf")
KINDS = {
    "a trash folder": TRASH,
    "a folder of the operating system": SYSTEM,
    "a folder of snapshots or backups": SNAPSHOTS,
    "a folder of thumbnails": THUMBNAILS,
    "a library or document of another program": PACKAGES,
    "a program's own folder": PROGRAMS,
    "a sync program's own folder": SYNC,
    "a folder of version control": VERSIONS,
    "still on their way": ON_THE_WAY,
}


@pytest.mark.parametrize(("what", "name"), [(what, name) for what, names in KINDS.items() for name in names])
@pytest.mark.parametrize("hidden", [False, True])
def test_folders_of_programs_and_of_the_system_are_not_entered(what: str, name: str, hidden: bool) -> None:
    turned = Filters(InboxSettings(hidden=hidden)).reject_folder(name.encode())
    assert turned is not None
    assert turned.code == "ignored-folder"
    assert what in turned.reason
    assert f"“{name}”" in turned.reason


@pytest.mark.parametrize(
    "name", ["holiday", "thumbs up", "Trash metal", "2024.01", "CVs", "recycled", "apps", "key", "My.Bandcamp", "@home"]
)
def test_ordinary_folders_are_entered(name: str) -> None:
    assert FILTERS.reject_folder(name.encode()) is None


def test_hidden_files_and_folders_are_admitted_by_the_setting() -> None:
    permissive = Filters(InboxSettings(hidden=True))
    for judge in (FILTERS.reject_file, FILTERS.reject_folder):
        turned = judge(b".holiday")
        assert turned is not None
        assert "hidden" in turned.reason
        assert turned.allowed_by == "inbox.hidden = true"
    assert permissive.reject_file(b".beach.jpg") is None
    assert permissive.reject_folder(b".holiday") is None


def test_the_settings_add_to_the_built_in_rules_and_take_them_back() -> None:
    filters = Filters(InboxSettings(ignore=("*.png", "!*.BAK"), ignore_folders=("private", "!thumbs", "!.Trash")))
    turned = filters.reject_file(b"beach.PNG")
    assert turned is not None
    assert turned.reason == "The name matches '*.png' of inbox.ignore."
    assert filters.reject_file(b"beach.jpg.bak") is None
    assert filters.reject_file(b"beach.jpg.part") is not None
    inside = filters.reject_folder(b"Private")
    assert inside is not None
    assert inside.reason == "In a folder that matches 'private' of inbox.ignore_folders."
    assert filters.reject_folder(b"Thumbs") is None
    assert filters.reject_folder(b".trash") is None
    assert filters.reject_folder(b".Trash-1000") is not None


def test_what_takes_a_rule_back_is_what_the_refusal_names() -> None:
    turned = FILTERS.reject_folder(b"found.001")
    assert turned is not None
    assert turned.allowed_by == 'inbox.ignore_folders = ["!found.[0-9][0-9][0-9]"]'
    chosen = tomllib.loads(turned.allowed_by)["inbox"]["ignore_folders"]
    assert Filters(InboxSettings(ignore_folders=tuple(chosen))).reject_folder(b"found.001") is None


def test_a_name_counts_however_its_accents_are_written() -> None:
    filters = Filters(InboxSettings(ignore_folders=("Gel\u00f6scht",)))
    assert filters.reject_folder("Gelo\u0308scht".encode()) is not None


@pytest.mark.parametrize("name", [b"beach.jpg.smolwatch.json", b"beach.jpg.md", b".sw-1a2b.tmp", b".sw-part"])
def test_our_own_files_are_recognised(name: bytes) -> None:
    turned = Filters(InboxSettings(hidden=True)).reject_file(name)
    assert turned is not None
    assert turned.code == OURS


def test_a_path_is_rejected_by_its_folders_too() -> None:
    assert FILTERS.reject_path(b"/in", b"/in/holiday/beach.jpg") is None
    turned = FILTERS.reject_path(b"/in", b"/in/Photos.photoslibrary/originals/beach.jpg")
    assert turned is not None
    assert turned.code == "ignored-folder"


def test_a_folder_is_judged_by_the_rules_of_folders_and_a_file_by_those_of_files() -> None:
    assert FILTERS.reject_path(b"/in", b"/in/A.photoslibrary") is None, "a file of that name"
    assert FILTERS.reject_path(b"/in", b"/in/A.photoslibrary", is_folder=True) is not None
    assert FILTERS.reject_path(b"/in", b"/in/old.bak", is_folder=True) is None
    assert FILTERS.reject_path(b"/in", b"/in/old.bak/beach.jpg") is None


def test_only_parents_below_the_inbox_are_judged() -> None:
    assert FILTERS.reject_parents(b"/in", b"/in/a/b/beach.jpg.part") is None
    assert FILTERS.reject_parents(b"/in", b"/in/a/.Trash/b/beach.jpg") is not None
    assert FILTERS.reject_parents(b"/in", b"/in/.Trash") is None, "the folder itself does not lie in it"


@pytest.mark.parametrize("path", [b"/home/me/.git/inbox/beach.jpg", b"/elsewhere/.Trash/beach.jpg", b"/home/me/.git"])
def test_the_inbox_own_place_is_not_judged_and_neither_is_what_lies_elsewhere(path: bytes) -> None:
    assert FILTERS.reject_path(b"/home/me/.git/inbox", path) is None


def own(tmp_path: Path, inbox: Path) -> Filters:
    settings = load_settings(home=tmp_path / "home", environ={}, overrides={"inbox.path": str(inbox)})
    return filters_of(settings, settings.inbox, os.fsencode(inbox))


def test_a_home_inside_the_inbox_is_ignored(tmp_path: Path) -> None:
    root, filters = os.fsencode(tmp_path), own(tmp_path, tmp_path)
    turned = filters.reject_path(root, os.fsencode(tmp_path / "home" / "data" / "smolwatch.db-wal"))
    assert turned is not None
    assert turned.code == OURS
    assert filters.reject_path(root, os.fsencode(tmp_path / "homely" / "beach.jpg")) is None


def test_an_inbox_inside_the_home_is_searched(tmp_path: Path) -> None:
    inbox = tmp_path / "home" / "inbox"
    assert own(tmp_path, inbox).reject_path(os.fsencode(inbox), os.fsencode(inbox / "data" / "beach.jpg")) is None


def test_where_the_home_is_the_inbox_its_own_folders_are_ignored(tmp_path: Path) -> None:
    home = tmp_path / "home"
    filters = own(tmp_path, home)
    for name in ("config", "data", "logs"):
        assert filters.reject_path(os.fsencode(home), os.fsencode(home / name / "beach.jpg")) is not None
    assert filters.reject_path(os.fsencode(home), os.fsencode(home / "holiday" / "beach.jpg")) is None


def test_links_and_pipes_are_rejected_files_and_folders_are_not(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    assert reject_mode(os.lstat(tmp_path / "link").st_mode) is SYMLINK
    pipe = reject_mode(os.lstat(tmp_path / "pipe").st_mode)
    assert pipe is not None
    assert pipe.code == "not-regular"
    assert reject_mode(os.lstat(tmp_path / "file").st_mode) is None
    assert reject_mode(stat.S_IFDIR) is None
