from __future__ import annotations

import pytest

from daemon.media import probe_codecs
from daemon.media.probe_codecs import missing_videos
from daemon.media.video import containers


def test_nothing_that_is_promised_is_missing_here() -> None:
    assert missing_videos() == []


def test_a_codec_and_a_container_that_a_build_lacks_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here decodes "libx264" or reads "dvd": these names are of an encoder and of a muxer."""
    monkeypatch.setattr(containers, "CODECS", containers.CODECS | {"nonesuch", "libx264"})
    monkeypatch.setattr(containers, "DEMUXERS", containers.DEMUXERS | {"none": "nonesuch", "dvd": "dvd"})
    assert missing_videos() == ["libx264", "nonesuch", "dvd", "nonesuch"]


def test_one_of_the_two_decoders_of_av1_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    there = probe_codecs.can_decode
    monkeypatch.setattr(probe_codecs, "can_decode", lambda name: name != "libdav1d" and there(name))
    assert missing_videos() == []
    monkeypatch.setattr(probe_codecs, "can_decode", lambda name: name not in ("av1", "libdav1d") and there(name))
    assert missing_videos() == ["av1", "libdav1d"]
