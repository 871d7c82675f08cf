"""Memory before disk; writes on a thread of their own, whose errors reach no request."""

from __future__ import annotations

import threading
from pathlib import Path

from daemon.inference.features import feature_cache
from daemon.inference.features.feature_cache import CacheUsage, FeatureCache
from daemon.inference.features.feature_files import FeatureFiles
from tests.support.logs import logged


def files_in(folder: Path) -> FeatureFiles:
    return FeatureFiles(folder, max_bytes=10**6, keep_free=0)


class StuckFiles(FeatureFiles):
    """A drive that does not write until `go` is set."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, max_bytes=10**9, keep_free=0)
        self.go = threading.Event()

    def write(self, key: str, features: bytes) -> None:
        self.go.wait()
        super().write(key, features)


class BrokenFiles(FeatureFiles):
    def write(self, key: str, features: bytes) -> None:
        raise OSError(28, "No space left on device")


def test_hits_misses_and_sizes_are_counted(tmp_path: Path) -> None:
    cache = FeatureCache(files_in(tmp_path))
    assert cache.get("aa") is None
    cache.put("aa", b"12345")
    assert cache.get("aa") == b"12345"
    cache.close()
    again = FeatureCache(files_in(tmp_path))
    assert again.get("aa") == b"12345", "from disk"
    assert again.usage == CacheUsage(memory_bytes=5, hits=1)
    again.put("bb", b"12345")
    again.close()
    assert again.usage.memory_bytes == 0
    assert again.usage.disk_bytes == sum(file.stat().st_size for file in tmp_path.glob("*/*"))


def test_memory_is_bounded_and_the_least_recently_used_go_first() -> None:
    cache = FeatureCache(max_bytes=100)
    for key in "abcd":
        cache.put(key, bytes(25))
    assert cache.get("a") is not None
    cache.put("e", bytes(30))
    assert [key for key in "abcde" if cache.get(key) is not None] == ["a", "d", "e"]
    assert cache.usage.memory_bytes == 80
    cache.put("a", bytes(101))
    assert cache.get("a") is None, "larger than the whole"
    assert cache.usage.memory_bytes <= 100


def test_a_cache_that_was_closed_can_be_used_again(tmp_path: Path) -> None:
    cache = FeatureCache(files_in(tmp_path))
    for key in ("aa", "bb"):
        cache.put(key, key.encode())
        cache.close()
    assert [FeatureCache(files_in(tmp_path)).get(key) for key in ("aa", "bb")] == [b"aa", b"bb"]


def test_a_drive_that_hangs_blocks_no_request_and_memory_stays_bounded(tmp_path: Path) -> None:
    files = StuckFiles(tmp_path)
    cache = FeatureCache(files)
    for number in range(2 * feature_cache.MAX_WAITING):
        cache.put(f"{number:04}", b"x")
    assert cache.get("0000") == cache.get("1023") == b"x"
    files.go.set()
    cache.close()
    assert feature_cache.MAX_WAITING <= len(list(tmp_path.glob("*/*"))) <= feature_cache.MAX_WAITING + 1


def test_a_full_disk_is_logged_once_and_memory_still_serves(tmp_path: Path) -> None:
    with logged() as lines:
        cache = FeatureCache(BrokenFiles(tmp_path, max_bytes=1, keep_free=0))
        for key in "abc":
            cache.put(key, b"x")
        assert cache.get("a") == b"x"
        cache.close()
    assert len([line for line in lines if "cannot be written" in line]) == 1
