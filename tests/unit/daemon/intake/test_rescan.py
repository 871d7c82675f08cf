from __future__ import annotations

from daemon.intake.admitter import AdmitResult
from daemon.intake.rescan import Rescan


def test_without_a_wish_nothing_is_told() -> None:
    rescan = Rescan()
    rescan.listed({b"/a"})
    assert rescan.record() == {}


def test_a_plain_rescan_is_over_with_the_list() -> None:
    rescan = Rescan.wished({"id": "1", "compare": False})
    assert rescan.record() == {}
    rescan.listed({b"/a", b"/b"})
    assert rescan.record() == {"id": "1", "seen": 2, "left": 0, "compared": 0, "changed": 0, "restored": 0}


def test_a_comparison_is_over_when_every_file_was_read_or_cannot_be() -> None:
    rescan = Rescan.wished({"id": "1", "compare": True})
    rescan.listed({b"/same", b"/changed", b"/text", b"/moving", b"/cloud"})
    rescan.tick_off(b"/same", AdmitResult.KNOWN)
    rescan.tick_off(b"/changed", AdmitResult.CHANGED)
    rescan.tick_off(b"/text", AdmitResult.REFUSED)
    rescan.tick_off(b"/new", AdmitResult.QUEUED)
    rescan.pass_over(b"/cloud")
    rescan.tick_off(b"/moving", AdmitResult.AGAIN)
    assert rescan.record() == {"id": "1", "seen": 5, "left": 1, "compared": 2, "changed": 1, "restored": 0}
    rescan.listed({b"/same"})
    rescan.tick_off(b"/moving", AdmitResult.KNOWN)
    assert rescan.record() == {"id": "1", "seen": 5, "left": 0, "compared": 3, "changed": 1, "restored": 0}
