from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from storage.description import Quality, Segment
from storage.json_values import from_mtime_ns
from storage.records import MediaKind
from tests.support.files import description_of, new_file

VIDEO = new_file(b"/inbox/beach.mov", kind=MediaKind.VIDEO, format="mov")


def test_the_record_of_a_video_has_all_keys_in_order() -> None:
    record = description_of(
        VIDEO,
        timeline=(Segment(start=0.0, end=4.0, text="Waves."),),
        quality=Quality(verdict="doubtful", reasons=("loop",)),
    ).record()
    assert list(record) == [
        "schema",
        "smolwatch",
        "described_at",
        "file",
        "media",
        "answers",
        "timeline",
        "quality",
        "model",
        "recipe",
        "stats",
    ]
    assert record["schema"] == 1
    assert record["described_at"] == "2026-11-24T09:00:00Z"
    assert record["file"] == {
        "name": "beach.mov",
        "digest": VIDEO.digest,
        "bytes": 5,
        "modified": "2025-11-24T16:00:00Z",
    }
    assert record["media"] == {
        "kind": "video",
        "format": "mov",
        "width": 1280,
        "height": 720,
        "seconds": 8.0,
        "frame_rate": 24.0,
        "frames_seen": 8,
    }
    assert record["timeline"] == [{"start": 0.0, "end": 4.0, "text": "Waves."}]
    assert record["quality"] == {"verdict": "doubtful", "reasons": ["loop"]}
    assert list(record["model"]) == ["id", "revision", "engine", "device", "dtype", "detail"]
    assert list(record["recipe"]) == ["name", "version", "digest"]
    assert list(record["stats"]) == [
        "seconds",
        "tokens",
        "tokens_per_second",
        "batch_rows",
        "peak_memory_bytes",
        "device_memory_bytes",
        "cold_start",
        "launched_by",
    ]
    assert record["stats"]["tokens"] == {"in": 660, "out": 96}


def test_what_does_not_apply_to_an_image_is_absent_and_nothing_is_null() -> None:
    record = description_of(new_file()).record()
    assert "timeline" not in record
    assert list(record["media"]) == ["kind", "format", "width", "height"]
    assert "null" not in json.dumps(record)


def test_a_length_that_is_no_number_is_absent() -> None:
    whole = description_of(VIDEO)
    broken = replace(whole, media=replace(whole.media, seconds=float("inf"), frame_rate=float("nan")))
    assert list(broken.record()["media"]) == ["kind", "format", "width", "height", "frames_seen"]


@pytest.mark.parametrize(
    ("mtime_ns", "moment"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (2**63 * 1000, datetime.max.replace(tzinfo=UTC)),
        (-(2**63) * 1000, datetime.min.replace(tzinfo=UTC)),
    ],
)
def test_a_file_time_beyond_the_calendar_becomes_its_limit(mtime_ns: int, moment: datetime) -> None:
    assert from_mtime_ns(mtime_ns) == moment
    assert isinstance(description_of(new_file(mtime_ns=mtime_ns)).record()["file"]["modified"], str)
