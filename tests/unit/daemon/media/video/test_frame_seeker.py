from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from daemon.media.video import frame_seeker
from daemon.media.video.duration import Duration
from daemon.media.video.frame_checks import FrameChecks
from daemon.media.video.frame_seeker import FrameSeeker, decoder_of
from tests.support.media.encoding import encode_video
from tests.support.media.media_files import frame_number, grey_frames, save_video
from tests.support.media.mp4_boxes import edit_video
from tests.support.video_frames import duration_of, frames_seen, no_check, open_video, sample_timestamps

#: Containers without a table of key frames, and what is put into them.
UNLISTED = {"mpegts": "libx264", "flv": "libx264", "asf": "wmv2", "ogg": "libvpx"}


def long_film(path: Path, *, container: str, codec: str, group: int = 16, seconds: int = 300) -> Path:
    """8 frames a second; each picture lasts 20 frames, so that its number gives its time."""
    frames = [frame for frame in grey_frames(40, (32, 32)) for _ in range(seconds // 5)]
    return save_video(path, frames, 8, codec, container, group=group)


def count_shots(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The timestamps of all frames that are decoded from here on."""
    decoded: list[float] = []
    shot = FrameSeeker._timed

    def counting(self: FrameSeeker, frame: object) -> frame_seeker.SeekedFrame:
        taken = shot(self, frame)  # type: ignore[arg-type]
        decoded.append(taken.at)
        return taken

    monkeypatch.setattr(FrameSeeker, "_timed", counting)
    return decoded


@pytest.mark.parametrize(("container", "codec"), UNLISTED.items())
def test_without_an_index_seeking_and_decoding_all_give_the_same_frames(
    tmp_path: Path, container: str, codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = long_film(tmp_path / "a", container=container, codec=codec)
    known = duration_of(path)
    wanted = sample_timestamps(known, per_second=0.05)
    assert len(wanted) == 15
    decoded = count_shots(monkeypatch)
    leapt = frames_seen(path, known, wanted)
    leapt_cost = len(decoded)
    monkeypatch.setattr(frame_seeker, "MIN_SKIPPED_MARGINS", 10**9)
    walked = frames_seen(path, known, wanted)
    assert leapt == walked
    assert [at for at, _ in leapt] == wanted
    assert leapt_cost < 0.5 * (len(decoded) - leapt_cost)


def test_a_seek_that_lands_too_late_is_repeated_from_earlier(tmp_path: Path) -> None:
    """With 16 seconds between key frames, a margin of two seconds before the timestamp is not enough."""
    path = long_film(tmp_path / "a", container="mpegts", codec="libx264", group=128)
    known = duration_of(path)
    wanted = sample_timestamps(known, per_second=0.03)
    taken = frames_seen(path, known, wanted)
    assert [at for at, _ in taken] == wanted
    assert [number for _, number in taken] == [int(at * 8) // 60 for at in wanted]


def test_a_seek_past_the_end_loses_no_time(tmp_path: Path) -> None:
    """Its clock restarts, so that a timestamp exists twice: after the third seek that went back, none is tried."""
    part = long_film(tmp_path / "part", container="mpegts", codec="libx264", seconds=100).read_bytes()
    path = tmp_path / "a"
    path.write_bytes(part + part)
    known = duration_of(path)
    assert known.jumps
    taken = frames_seen(path, known, [float(at) for at in range(0, 200, 20)])
    assert [at for at, _ in taken] == [float(at) for at in range(0, 200, 20)]
    assert [number for _, number in taken] == [8 * (at % 100) // 20 for at in range(0, 200, 20)]


def test_seeks_work_in_a_matroska_file_without_cues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [frame for frame in grey_frames(40, (32, 32)) for _ in range(60)]
    path = save_video(tmp_path / "a.mkv", frames, 8, group=4, options={"live": "1"})
    known = duration_of(path)
    decoded = count_shots(monkeypatch)
    taken = frames_seen(path, known, [float(at) for at in range(0, 300, 30)])
    assert [number for _, number in taken] == [8 * at // 60 for at in range(0, 300, 30)]
    assert len(decoded) < 0.2 * known.frames


def test_seeks_work_in_a_video_cut_out_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins 40 seconds after a key frame; the others follow every 50 seconds."""
    path = edit_video(long_film(tmp_path / "a", container="mp4", codec="libx264", group=400), [(250, 40)])
    known = duration_of(path)
    decoded = count_shots(monkeypatch)
    times = [0.0, 62.0, 112.0, 162.0, 212.0]
    assert frames_seen(path, known, times) == [(at, int((40 + at) * 8) // 60) for at in times]
    assert len(decoded) < 150


def test_a_video_with_several_edits_is_decoded_without_seeks(tmp_path: Path) -> None:
    path = edit_video(long_film(tmp_path / "a", container="mp4", codec="libx264"), [(100, 150.5), (100, 20.5)])
    known = duration_of(path)
    times = [0.0, 50.0, 150.0, 190.0]
    numbers = [int(at * 8) // 60 for at in (150.5, 200.5, 70.5, 110.5)]
    assert frames_seen(path, known, times) == list(zip(times, numbers, strict=True))


def test_frames_without_a_time_of_their_own_are_found_by_that_of_their_packet(tmp_path: Path) -> None:
    """AVI stores decoding times, not presentation times; and here frames are reordered."""
    path = long_film(tmp_path / "a", container="avi", codec="libx264")
    known = duration_of(path)
    times = [at + 0.125 * k for k, at in enumerate(range(0, 300, 10))]
    assert frames_seen(path, known, times) == [(at, int(at * 8) // 60) for at in times]


def make(path: Path, known: Duration, wanted: list[float], stop_at: float) -> tuple[list[float], float | None]:
    with open_video(path) as (container, stream):
        made = FrameSeeker(
            container,
            stream,
            duration=known,
            timestamps=wanted,
            frame_checks=FrameChecks(),
            check=no_check,
            stop_at=stop_at,
        )
        return [shot.at for shot in made.sampled_frames()], made.end


def test_the_end_is_known_once_it_was_reached(tmp_path: Path) -> None:
    path = save_video(tmp_path / "a.mp4", grey_frames(24), 8)
    known = Duration(frames=80, rate=8)
    assert make(path, known, [0.0, 1.0], time.monotonic() + 60) == ([0.0, 1.0], None)
    assert make(path, known, [0.0, 1.0, 9.0], time.monotonic() + 60) == ([0.0, 1.0, 2.875], 3.0)
    _, end = make(path, known, [0.0, 9.0], time.monotonic())
    assert end is None


def test_the_first_frames_can_be_read_before_the_others(tmp_path: Path) -> None:
    path = save_video(tmp_path / "a.mp4", grey_frames(24), 8)
    with open_video(path) as (container, stream):
        made = FrameSeeker(
            container,
            stream,
            duration=Duration(frames=24, rate=8),
            timestamps=[0.0, 0.125, 2.0],
            frame_checks=FrameChecks(),
            check=no_check,
            stop_at=time.monotonic() + 60,
        )
        opening = [frame_number(frame.to_ndarray(format="rgb24")) for frame in made.first_frames(2)]
        shown = [frame_number(shot.frame.to_ndarray(format="rgb24")) for shot in made.sampled_frames()]
    assert opening == [0, 1]
    assert shown == [0, 1, 16]


def test_a_film_shorter_than_the_first_read_is_whole(tmp_path: Path) -> None:
    path = save_video(tmp_path / "a.mp4", grey_frames(1), 8)
    with open_video(path) as (container, stream):
        made = FrameSeeker(
            container,
            stream,
            duration=Duration(frames=1, rate=8),
            timestamps=[0.0],
            frame_checks=FrameChecks(),
            check=no_check,
            stop_at=time.monotonic() + 60,
        )
        assert len(made.first_frames(2)) == 1
        assert len(list(made.sampled_frames())) == 1


def test_in_a_hurry_a_clip_without_a_key_frame_of_its_own_is_still_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = edit_video(save_video(tmp_path / "a.mp4", grey_frames(48), 8, group=200), [(2, 3)])
    known = duration_of(path)
    monkeypatch.setattr(frame_seeker, "MAX_FULL_DECODE_PIXELS", 0)
    with open_video(path) as (container, stream):
        made = FrameSeeker(
            container,
            stream,
            duration=known,
            timestamps=[0.0, 1.0],
            frame_checks=FrameChecks(),
            check=no_check,
            stop_at=time.monotonic(),
        )
        assert [shot.at for shot in made.sampled_frames()] == [0.0]


@pytest.mark.parametrize(
    ("codec", "options", "decoder"),
    [
        ("libvpx-vp9", {}, "libvpx-vp9"),
        ("libvpx", {"auto-alt-ref": "0"}, "libvpx"),
    ],
)
def test_a_see_through_film_has_a_decoder_that_sees_it(
    tmp_path: Path, codec: str, options: dict[str, str], decoder: str
) -> None:
    layer = np.zeros((32, 32, 4), np.uint8)
    path = encode_video(tmp_path / "a.webm", [layer] * 3, codec=codec, pix_fmt="yuva420p", options=options)
    with open_video(path) as (container, stream):
        chosen = decoder_of(stream)
        assert chosen.name == decoder
        frame = next(frame for packet in container.demux(stream) for frame in chosen.decode(packet))
        assert frame.format.name == "yuva420p"
    path = encode_video(tmp_path / "b.webm", [layer[..., :3]] * 3, codec=codec, pix_fmt="yuv420p")
    with open_video(path) as (_, stream):
        assert decoder_of(stream) is stream.codec_context


def test_with_little_time_a_video_with_alpha_is_decoded_by_key_frames_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = np.zeros((32, 32, 4), np.uint8)
    options = {"g": "10", "keyint_min": "10"}
    path = encode_video(tmp_path / "a.webm", [layer] * 60, codec="libvpx-vp9", pix_fmt="yuva420p", options=options)
    decoded = count_shots(monkeypatch)
    monkeypatch.setattr(frame_seeker, "MAX_FULL_DECODE_PIXELS", 0)
    with open_video(path) as (container, stream):
        made = FrameSeeker(
            container,
            stream,
            duration=Duration(frames=60, rate=8),
            timestamps=[float(k) for k in range(8)],
            frame_checks=FrameChecks(),
            check=no_check,
            stop_at=time.monotonic() + 60,
        )
        assert len(list(made.sampled_frames())) == len(decoded) == 6
