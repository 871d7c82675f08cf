from __future__ import annotations

from pathlib import Path

from config.errors import ConfigError
from daemon.service.start_failure import StartFailure, forget_refusal, refusal, refusal_file, refuse


def test_a_refusal_is_kept_until_it_is_forgotten_and_the_newest_counts(tmp_path: Path) -> None:
    assert refusal(tmp_path) is None
    refuse(tmp_path, ConfigError("first"), "2026-11-24T09:15:02Z")
    refuse(tmp_path, ConfigError("second", advice="Mend it."), "2026-11-24T09:15:03Z")
    assert refusal(tmp_path) == StartFailure("2026-11-24T09:15:03Z", 78, "second", "Mend it.")
    forget_refusal(tmp_path)
    forget_refusal(tmp_path)
    assert refusal(tmp_path) is None


def test_a_damaged_refusal_is_none(tmp_path: Path) -> None:
    refuse(tmp_path, ConfigError("x"), "2026-11-24T09:15:02Z")
    for damaged in (b"", b"{", b"[]", b'{"other": 1}'):
        refusal_file(tmp_path).write_bytes(damaged)
        assert refusal(tmp_path) is None
