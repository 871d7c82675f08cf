"""Features on disk: whole or missing, bounded, the newest kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from daemon.inference.features.feature_files import MAGIC, FeatureFiles

CONTENT = bytes(range(256)) * 4
KEYS = [f"{number:032x}"[::-1] for number in range(40)]


def files_of(folder: Path, *, max_bytes: int = 10**6, keep_free: int = 0) -> FeatureFiles:
    return FeatureFiles(folder, max_bytes=max_bytes, keep_free=keep_free)


def paths(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_what_was_written_is_read_by_another_process(tmp_path: Path) -> None:
    files_of(tmp_path / "new" / "features").write(KEYS[0], CONTENT)
    assert files_of(tmp_path / "new" / "features").read(KEYS[0]) == CONTENT
    assert files_of(tmp_path / "new" / "features").read(KEYS[1]) is None
    (file,) = paths(tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[:-1],
        lambda whole: whole[:5],
        lambda whole: b"",
        lambda whole: whole + b"x",
        lambda whole: bytes(len(whole)),
        lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]),
        lambda whole: whole.replace(MAGIC, MAGIC.upper()),
    ],
)
def test_a_damaged_file_is_a_miss_and_is_written_again(tmp_path: Path, damage: object) -> None:
    files = files_of(tmp_path)
    files.write(KEYS[0], CONTENT)
    (file,) = paths(tmp_path)
    file.write_bytes(damage(file.read_bytes()))  # type: ignore[operator]
    assert files.read(KEYS[0]) is None
    files.write(KEYS[0], CONTENT)
    assert files.read(KEYS[0]) == CONTENT


def test_a_file_under_another_key_s_name_is_a_miss(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    for key in KEYS[:2]:
        files.write(key, CONTENT + key.encode())
    first, second = paths(tmp_path)
    second.write_bytes(first.read_bytes())
    assert [files.read(key) is None for key in KEYS[:2]].count(True) == 1


def test_the_least_recently_used_files_are_removed_first(tmp_path: Path) -> None:
    one = len(CONTENT) + 37
    files = files_of(tmp_path, max_bytes=10 * one)
    for age, key in enumerate(KEYS[:10]):
        files.write(key, CONTENT)
        os.utime(tmp_path / key[:2] / key, (1000 + age, 1000 + age))
    assert files.read(KEYS[0]) == CONTENT, "it is the most recently used one now"
    assert files.nbytes == 10 * one
    files.write(KEYS[10], CONTENT)
    left = [key for key in KEYS if files.read(key) is not None]
    assert left == [KEYS[0], *KEYS[2:11]]
    assert files.nbytes == 10 * one


def test_a_full_folder_of_an_earlier_process_is_bounded_too(tmp_path: Path) -> None:
    earlier = files_of(tmp_path)
    for key in KEYS[:20]:
        earlier.write(key, CONTENT)
    files = files_of(tmp_path, max_bytes=5000)
    files.write(KEYS[20], CONTENT)
    assert sum(path.stat().st_size for path in paths(tmp_path)) == files.nbytes <= 5000 + len(CONTENT)
    assert files.read(KEYS[20]) == CONTENT


def test_an_interrupted_write_is_removed_when_room_is_needed(tmp_path: Path) -> None:
    files = files_of(tmp_path, max_bytes=5000)
    left = tmp_path / "00" / "1234567890abcdef.tmp"
    left.parent.mkdir()
    left.write_bytes(bytes(4900))
    os.utime(left, (1, 1))
    files.write(KEYS[0], CONTENT)
    assert not left.exists()
    assert files.read(KEYS[0]) == CONTENT


def test_nothing_is_written_to_a_disk_that_is_nearly_full(tmp_path: Path) -> None:
    files = files_of(tmp_path, keep_free=2**62)
    files.write(KEYS[0], CONTENT)
    assert files.read(KEYS[0]) is None
    assert paths(tmp_path) == []


def test_a_folder_in_the_way_is_a_miss_and_an_error_of_the_write_alone(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    (tmp_path / KEYS[0][:2] / KEYS[0]).mkdir(parents=True)
    assert files.read(KEYS[0]) is None
    with pytest.raises(OSError):
        files.write(KEYS[0], CONTENT)
    assert paths(tmp_path) == [], "no temporary file is left"
