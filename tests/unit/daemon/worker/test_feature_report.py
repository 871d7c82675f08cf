from __future__ import annotations

from daemon.inference.features.feature_cache import CacheUsage
from daemon.worker.feature_report import REPORT_SECONDS, FeatureReport
from storage.status.values import FeatureCacheStatus
from tests.fakes.clock import FakeClock


def test_changes_are_reported_at_most_every_few_seconds_and_the_last_one_too() -> None:
    usage, posted, clock = [CacheUsage()], list[FeatureCacheStatus](), FakeClock()
    report = FeatureReport(lambda: usage[0], posted.append, clock)
    report.update()
    assert posted == [], "nothing is loaded"
    for hits in range(3):
        usage[0] = CacheUsage(memory_bytes=5, disk_bytes=7, hits=hits, misses=1)
        report.update()
    assert posted == [FeatureCacheStatus(memory_bytes=5, disk_bytes=7, hits=0, misses=1)]
    clock.advance(REPORT_SECONDS)
    for _ in range(3):
        report.update()
        clock.advance(REPORT_SECONDS)
    assert [status.hits for status in posted] == [0, 2]
