from __future__ import annotations

from pathlib import Path

from config.errors import ConfigError
from daemon.service.start_failure import StartFailure, failure_file, forget_failure, read_failure, write_failure


def test_a_refusal_is_kept_until_it_is_forgotten_and_the_newest_counts(tmp_path: Path) -> None:
    assert read_failure(tmp_path) is None
    write_failure(tmp_path, ConfigError("first"), "2026-11-24T09:15:02Z")
    write_failure(tmp_path, ConfigError("second", advice="Mend it."), "2026-11-24T09:15:03Z")
    assert read_failure(tmp_path) == StartFailure("2026-11-24T09:15:03Z", 78, "second", "Mend it.")
    forget_failure(tmp_path)
    forget_failure(tmp_path)
    assert read_failure(tmp_path) is None


def test_a_damaged_refusal_is_none(tmp_path: Path) -> None:
    write_failure(tmp_path, ConfigError("x"), "2026-11-24T09:15:02Z")
    for damaged in (b"", b"{", b"[]", b'{"other": 1}'):
        failure_file(tmp_path).write_bytes(damaged)
        assert read_failure(tmp_path) is None
