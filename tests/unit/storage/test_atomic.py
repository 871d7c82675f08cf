from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from storage import atomic
from storage.atomic import compose_atomically, remove_temporaries, write_atomically
from storage.errors import ForeignFileError
from tests.support.disk_names import can_name
from tests.support.files import file_state


def ours(content: bytes) -> bool:
    return content.startswith(b"ours")


def write(path: Path, content: bytes = b"ours: new", mode: int = 0o640) -> None:
    write_atomically(path, content, mode=mode, replace_ours=ours)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_new_file_is_whole_has_its_mode_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    write(tmp_path / "x.md", mode=0o666)
    assert (tmp_path / "x.md").read_bytes() == b"ours: new"
    assert stat.S_IMODE((tmp_path / "x.md").stat().st_mode) == 0o666, "the mode is exact, whatever the umask"
    assert names(tmp_path) == ["x.md"]


def test_our_own_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "x.md").write_bytes(b"ours: old")
    write(tmp_path / "x.md")
    assert (tmp_path / "x.md").read_bytes() == b"ours: new"
    assert names(tmp_path) == ["x.md"]


def test_an_empty_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "x.md").touch()
    write(tmp_path / "x.md")
    assert (tmp_path / "x.md").read_bytes() == b"ours: new"


def test_a_foreign_file_is_kept(tmp_path: Path) -> None:
    (tmp_path / "x.md").write_bytes(b"my notes")
    with pytest.raises(ForeignFileError) as caught:
        write(tmp_path / "x.md")
    assert caught.value.path == os.fsencode(tmp_path / "x.md")
    assert (tmp_path / "x.md").read_bytes() == b"my notes"
    assert names(tmp_path) == ["x.md"]


def link(target: Path, path: Path) -> None:
    path.symlink_to(target)


def dangling(target: Path, path: Path) -> None:
    path.symlink_to(target.with_name("nowhere"))


def folder(target: Path, path: Path) -> None:
    path.mkdir()


def pipe(target: Path, path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("make", [link, dangling, folder, pipe])
def test_what_is_not_a_file_is_neither_followed_nor_replaced(
    tmp_path: Path, make: Callable[[Path, Path], None]
) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"ours: but elsewhere")
    make(target, tmp_path / "x.md")
    kind = stat.S_IFMT((tmp_path / "x.md").lstat().st_mode)
    with pytest.raises(ForeignFileError):
        write(tmp_path / "x.md")
    assert stat.S_IFMT((tmp_path / "x.md").lstat().st_mode) == kind
    assert target.read_bytes() == b"ours: but elsewhere"
    assert names(tmp_path) == ["target", "x.md"]


def test_a_file_that_appears_at_the_last_moment_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_link = os.link

    def somebody_is_faster(source: bytes, target: bytes, **options: bool) -> None:
        Path(os.fsdecode(target)).write_bytes(b"my notes")
        real_link(source, target, **options)

    monkeypatch.setattr(os, "link", somebody_is_faster)
    with pytest.raises(ForeignFileError):
        write(tmp_path / "x.md")
    assert (tmp_path / "x.md").read_bytes() == b"my notes"
    assert names(tmp_path) == ["x.md"]


def test_a_file_with_the_right_content_is_not_rewritten(tmp_path: Path) -> None:
    assert compose_atomically(tmp_path / "x.md", lambda _: b"ours", mode=0o640)
    before = file_state(tmp_path / "x.md")
    assert not compose_atomically(tmp_path / "x.md", lambda _: b"ours", mode=0o640)
    assert file_state(tmp_path / "x.md") == before


def test_a_change_at_the_last_moment_is_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x.md"
    file.write_bytes(b"ours: old")
    real_write = atomic.write_temporary
    saved = iter([b"ours: old, and mine"])

    def somebody_saves(path: bytes, content: bytes, mode: int) -> None:
        real_write(path, content, mode)
        if (own := next(saved, None)) is not None:
            file.write_bytes(own)

    monkeypatch.setattr(atomic, "write_temporary", somebody_saves)
    assert compose_atomically(file, lambda content: (content or b"") + b"; new", mode=0o600)
    assert file.read_bytes() == b"ours: old, and mine; new"
    assert names(tmp_path) == ["x.md"]


def test_a_file_that_is_removed_at_the_last_moment_is_written_as_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x.md"
    file.write_bytes(b"ours: old")
    real_write = atomic.write_temporary

    def somebody_removes(path: bytes, content: bytes, mode: int) -> None:
        real_write(path, content, mode)
        file.unlink(missing_ok=True)

    monkeypatch.setattr(atomic, "write_temporary", somebody_removes)
    write(file)
    assert file.read_bytes() == b"ours: new"
    assert names(tmp_path) == ["x.md"]


def test_a_file_that_keeps_changing_is_left_to_its_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x.md"
    file.write_bytes(b"ours: 0")
    real_write = atomic.write_temporary

    def somebody_keeps_saving(path: bytes, content: bytes, mode: int) -> None:
        real_write(path, content, mode)
        file.write_bytes(file.read_bytes() + b"!")

    monkeypatch.setattr(atomic, "write_temporary", somebody_keeps_saving)
    with pytest.raises(ForeignFileError, match="keeps changing"):
        write(file)
    assert names(tmp_path) == ["x.md"]


def test_a_file_larger_than_any_sidecar_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "LONGEST_READ", 16)
    (tmp_path / "x.md").write_bytes(b"ours: and a person's long story")
    with pytest.raises(ForeignFileError, match="larger than any sidecar"):
        write(tmp_path / "x.md")
    assert (tmp_path / "x.md").read_bytes() == b"ours: and a person's long story"


def no_links(source: bytes, target: bytes, **options: bool) -> None:
    raise OSError(errno.ENOTSUP, "no hard links here")


def test_a_disk_without_hard_links_gets_the_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", no_links)
    write(tmp_path / "x.md")
    assert (tmp_path / "x.md").read_bytes() == b"ours: new"
    assert stat.S_IMODE((tmp_path / "x.md").stat().st_mode) == 0o640
    assert names(tmp_path) == ["x.md"]


def test_without_hard_links_a_file_that_appears_at_the_last_moment_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links_but_a_rival(source: bytes, target: bytes, **options: bool) -> None:
        Path(os.fsdecode(target)).write_bytes(b"my notes")
        no_links(source, target)

    monkeypatch.setattr(os, "link", no_links_but_a_rival)
    with pytest.raises(ForeignFileError):
        write(tmp_path / "x.md")
    assert (tmp_path / "x.md").read_bytes() == b"my notes"


def test_a_full_disk_leaves_the_old_file_and_no_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, operation: int | None) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "x.md").write_bytes(b"ours: old")
    monkeypatch.setattr(atomic, "sync", full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "x.md")
    assert (tmp_path / "x.md").read_bytes() == b"ours: old"
    assert names(tmp_path) == ["x.md"]


def test_a_missing_folder_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "nowhere" / "x.md")


def test_names_that_are_no_utf_8_are_written(tmp_path: Path) -> None:
    if not can_name(tmp_path, b"bad\xff.jpg.md"):
        pytest.skip("no file can have this name on this disk")
    path = os.fsencode(tmp_path) + b"/bad\xff.jpg.md"
    write_atomically(path, b"ours", mode=0o600, replace_ours=ours)
    assert os.listdir(os.fsencode(tmp_path)) == [b"bad\xff.jpg.md"]


def test_temporaries_of_a_killed_writer_are_swept_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for path in (".sw-0123456789abcdef.tmp", "deep/er/.sw-fedcba9876543210.tmp"):
        (tmp_path / path).touch()
    keep = [".sw-mine.tmp", "x.tmp", ".sw-0123456789abcdef.tmp.jpg"]
    for name in keep:
        (tmp_path / name).touch()
    assert remove_temporaries(tmp_path) == 2
    assert names(tmp_path) == sorted([*keep, "deep"])
    assert names(tmp_path / "deep" / "er") == []
    assert remove_temporaries(tmp_path) == 0


def test_a_folder_that_is_not_to_be_entered_is_not_swept(tmp_path: Path) -> None:
    (tmp_path / "theirs" / "deep").mkdir(parents=True)
    (tmp_path / "theirs" / "deep" / ".sw-0123456789abcdef.tmp").touch()
    assert remove_temporaries(tmp_path, lambda folder: not folder.endswith(b"/theirs")) == 0
    assert remove_temporaries(tmp_path) == 1
