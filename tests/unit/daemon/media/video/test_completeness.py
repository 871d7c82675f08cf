from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from PIL import Image

from daemon.media.clip import CUT_SHORT, DAMAGED
from daemon.media.sniff import HEAD_BYTES, sniff
from daemon.media.video.completeness import ZERO_TAIL_BYTES, faults_of
from tests.support.clips import read
from tests.support.media.track_kinds import CONTAINERS, TAPE, Beside, Film, save_films

#: Where nothing stands in front that says how long they are.
UNTOLD = {".m2v", ".dv"}
OPTIONS = {".mp4": {"movflags": "faststart"}, ".m4v": {"movflags": "faststart"}, ".mov": {"movflags": "faststart"}}
PACKETS = {".ts": 188, ".mts": 192}
#: These number or name their parts, so that it shows when one is missing.
NUMBERED = [".mkv", ".webm", ".avi", ".wmv", ".ogv"]


def faults(content: bytes, path: Path) -> set[str]:
    path.write_bytes(content)
    fd = os.open(path, os.O_RDONLY)
    try:
        format = sniff(os.pread(fd, HEAD_BYTES, 0))
        assert format is not None
        return faults_of(fd, format)
    finally:
        os.close(fd)


def made(path: Path, options: dict[str, str] | None = None) -> bytes:
    return film(path.suffix, tuple((OPTIONS.get(path.suffix, {}) | (options or {})).items()))


@cache
def film(suffix: str, options: tuple[tuple[str, str], ...]) -> bytes:
    """With sound if the container supports it. Noise, so that the file is large enough to truncate."""
    rng, (width, height) = np.random.default_rng(7), TAPE if suffix == ".dv" else (176, 144)
    grey = (rng.integers(0, 255, (height, width), np.uint8) for _ in range(4 if suffix == ".dv" else 40))
    noise = [Image.fromarray(pixels).convert("RGB") for pixels in grey]
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        beside = Beside(sounds=suffix != ".m2v")
        return save_films(path, [Film(frames=noise, fps=25)], beside, options=dict(options)).read_bytes()


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_a_whole_file_has_no_faults(tmp_path: Path, suffix: str) -> None:
    assert faults(made(path := tmp_path / f"a{suffix}"), path) == set()


@pytest.mark.parametrize("suffix", sorted(CONTAINERS.keys() - UNTOLD))
def test_a_truncated_file_is_shorter_than_it_states(tmp_path: Path, suffix: str) -> None:
    whole = made(path := tmp_path / f"a{suffix}", {"movflags": "frag_keyframe+empty_moov"} if suffix == ".3gp" else {})
    packet = PACKETS.get(suffix, 1)  # between two of them nothing shows
    for end in range(len(whole) // 3, len(whole) - 500, len(whole) // 37):
        assert CUT_SHORT in faults(whole[: end - end % packet + 9], path), end


@pytest.mark.parametrize("suffix", sorted(CONTAINERS))
def test_room_that_was_never_filled_is_no_end(tmp_path: Path, suffix: str) -> None:
    whole = made(path := tmp_path / f"a{suffix}")
    assert len(whole) > 2 * ZERO_TAIL_BYTES
    assert CUT_SHORT in faults(whole[: len(whole) // 2].ljust(len(whole), b"\0"), path)


@pytest.mark.parametrize("suffix", NUMBERED)
def test_parts_that_are_gone_from_the_middle_are_missed(tmp_path: Path, suffix: str) -> None:
    whole = made(path := tmp_path / f"a{suffix}")
    first, last = len(whole) * 4 // 10, len(whole) * 6 // 10
    assert faults(whole[:first] + bytes(last - first) + whole[last:], path) == {DAMAGED}
    assert DAMAGED in faults(whole[:first] + whole[last:], path)


@pytest.mark.parametrize("suffix", [".webm", ".mkv"])
def test_live_recordings_state_no_sizes(tmp_path: Path, suffix: str) -> None:
    whole = made(path := tmp_path / f"a{suffix}", {"live": "1"})
    assert faults(whole, path) == set()
    assert faults(whole[: len(whole) // 2], path) == {CUT_SHORT}


def test_clusters_may_be_without_sizes_too(tmp_path: Path) -> None:
    """As written by browsers."""
    whole = made(path := tmp_path / "a.webm", {"live": "1"})
    parts = whole.split(b"\x1f\x43\xb6\x75")
    assert len(parts) > 1
    sizes = [9 - part[0].bit_length() for part in parts[1:]]
    opened = [b"\x01" + b"\xff" * 7 + part[size:] for size, part in zip(sizes, parts[1:], strict=True)]
    open_ended = b"\x1f\x43\xb6\x75".join([parts[0], *opened])
    assert faults(open_ended, path) == set()
    assert faults(open_ended[: len(open_ended) // 2], path) == {CUT_SHORT}


def test_a_recorder_that_never_came_back_leaves_an_avi_without_sizes(tmp_path: Path) -> None:
    whole = made(path := tmp_path / "a.avi")
    assert CUT_SHORT in faults(whole[:4] + bytes(4) + whole[8:], path)


def test_an_index_at_the_beginning_gives_the_end(tmp_path: Path) -> None:
    whole = made(path := tmp_path / "a.mp4", {"movflags": "frag_keyframe+empty_moov+global_sidx"})
    assert b"sidx" in whole
    assert faults(whole, path) == set()
    last = whole.rindex(b"moof") - 4
    assert faults(whole[:last], path) == {CUT_SHORT}


def test_filling_at_the_end_of_an_mp4_is_no_missing_end(tmp_path: Path) -> None:
    whole = made(path := tmp_path / "a.mp4")
    assert faults(whole + (20_000).to_bytes(4, "big") + b"free" + bytes(19_992), path) == set()


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_rubbish_behind_a_beginning_raises_nothing(tmp_path: Path, suffix: str) -> None:
    whole = made(path := tmp_path / f"a{suffix}")
    start = HEAD_BYTES if suffix in (".ts", ".mts") else 700  # or it would not be known any more
    for at in range(0, 1000, 23):
        assert faults(whole[:start] + whole[start + at :], path) <= {CUT_SHORT, DAMAGED}
        assert faults(whole[:start] + b"\xff" * at + whole[start:], path) <= {CUT_SHORT, DAMAGED}


@pytest.mark.parametrize("suffix", [".mkv", ".webm", ".avi", ".mp4", ".wmv", ".flv", ".ts"])
def test_a_truncated_video_is_decoded_and_marked_as_cut_short(tmp_path: Path, suffix: str) -> None:
    whole = made(path := tmp_path / f"a{suffix}")
    path.write_bytes(whole[: len(whole) * 7 // 10])
    clip = read(path)
    assert clip.pictures
    assert clip.defects == (CUT_SHORT,)
