from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.status.inbox_values import InboxDisk, IntakeStatus
from storage.status.values import DaemonStatus, EngineStatus, FeatureCacheStatus, PowerStatus, StartsStatus, Status

NOW = datetime(2026, 11, 24, 9, 15, 2, 500, tzinfo=UTC)
FULL: list[Status] = [
    DaemonStatus(
        run="r",
        state="running",
        pid=7,
        started_at=NOW,
        launched_by="systemd",
        home="/home/me",
        inbox="/in",
        inboxes={"inbox": "/in", "scans": "/scans"},
        smolwatch="1",
    ),
    EngineStatus(
        run="r",
        state="ready",
        model="m",
        revision="1",
        engine="torch",
        device="cpu",
        dtype="float32",
        detail="full",
        rows=8,
        control="12345678",
        problem="It answers without looking.",
        notes=("Threads: 2.",),
    ),
    EngineStatus(state="unavailable", reason="No weights.", advice=""),
    FeatureCacheStatus(run="r", memory_bytes=5, disk_bytes=7, hits=2, misses=3),
    PowerStatus(run="r", pace="slow", reason="On battery.", source="battery"),
    IntakeStatus(
        run="r",
        watching=True,
        observer="inotify",
        problem="p",
        advice="a",
        last_sweep=NOW,
        seen=3,
        settling=1,
        orphans=2,
        rescan={"id": "1", "seen": 3},
    ),
    StartsStatus(run="r", at=(NOW, NOW)),
    InboxDisk(run="r", device=16777231, inode=12),
]
KINDS = [DaemonStatus, EngineStatus, FeatureCacheStatus, PowerStatus, IntakeStatus, StartsStatus, InboxDisk]
KEYS = sorted({key for status in FULL for key in status.to_json()})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("status", FULL, ids=lambda status: f"{status.KEY} {getattr(status, 'state', '')}")
def test_a_value_survives_its_row(status: Status) -> None:
    assert type(status).from_json(json.loads(json.dumps(status.to_json()))) == status


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_of_another_version_is_read_as_far_as_it_is_understood(kind: type[Status]) -> None:
    assert kind.from_json({"colour": "red"}) == kind()


@given(stored=st.dictionaries(st.sampled_from(KEYS), JSON), kind=st.sampled_from(KINDS))
def test_no_row_is_too_odd_to_be_read_and_what_is_read_can_be_stored(
    stored: dict[str, Any], kind: type[Status]
) -> None:
    status = kind.from_json(stored)
    assert kind.from_json(json.loads(json.dumps(status.to_json()))) == status


def test_the_rows_of_the_first_version_are_understood() -> None:
    daemon = DaemonStatus.from_json({"state": "running", "pid": 7, "started_at": "2026-11-24T09:00:00+00:00"})
    assert (daemon.run, daemon.pid, daemon.started_at) == ("", 7, datetime(2026, 11, 24, 9, tzinfo=UTC))
    assert EngineStatus.from_json({"state": "idle", "model": "m"}) == EngineStatus(state="idle", model="m")
    assert StartsStatus.from_json({"at": ["2026-11-24T09:15:02.000500+00:00", "yesterday", 7]}).at == (NOW,)


def test_what_does_not_apply_is_no_fact() -> None:
    assert EngineStatus(run="r", state="idle", model="m").facts() == {"state": "idle", "model": "m"}
    assert DaemonStatus().facts() == EngineStatus().facts() == PowerStatus().facts() == {}
