from __future__ import annotations

import io
from fractions import Fraction
from itertools import product
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

from daemon.media.video.display_geometry import DisplayGeometry, geometry_from, geometry_of
from tests.support.clips import read
from tests.support.media.encoding import encode_video
from tests.support.media.media_files import save_video, turn_video
from tests.support.media.mp4_boxes import orient_video
from tests.support.video_frames import open_video

ONE = 1 << 16
#: An SEI message of H.264, with its length before it: shown turned by 90 degrees (Rec. ITU-T H.264, D.1.27).
TURNED = bytes.fromhex("00000007 062f 03 080009 80")
#: a, b, c, d of a display matrix, and what undoes it. These are the eight ways to lay a picture on a table.
MATRICES = {
    (1, 0, 0, 1): None,
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, 1, -1, 0): Image.Transpose.ROTATE_90,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
    (0, -1, 1, 0): Image.Transpose.ROTATE_270,
}


def marked(size: tuple[int, int] = (96, 64)) -> Image.Image:
    """Black with a white corner at the top left and a gray one at the top right: every orientation differs."""
    picture = Image.new("RGB", size, "black")
    picture.paste("white", (0, 0, 24, 24))
    picture.paste("gray", (size[0] - 24, 0, size[0], 24))
    return picture


def corners(pixels: NDArray[np.uint8]) -> list[int]:
    """Brightness at the top left, the top right, the bottom left and the bottom right, in steps of a half."""
    return [round(float(pixels[y, x].mean()) / 128) for y, x in product((8, -8), repeat=2)]


def say_turned(path: Path, every: bool) -> Path:
    """Add an orientation SEI to the first packet of an H.264 video, or to every one."""
    source = path.rename(path.with_stem("plain"))
    with av.open(str(source)) as plain, av.open(str(path), "w") as file:
        stream = file.add_stream_from_template(plain.streams.video[0])
        for number, packet in enumerate(plain.demux(video=0)):
            if packet.size:
                copied = av.Packet((TURNED if every or number == 0 else b"") + bytes(packet))
                copied.pts, copied.dts, copied.time_base = packet.pts, packet.dts, packet.time_base
                copied.is_keyframe, copied.stream = packet.is_keyframe, stream
                file.mux(copied)
    return path


@pytest.mark.parametrize("matrix", MATRICES)
def test_a_video_is_rotated_and_mirrored_by_its_matrix(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    upright, undo = marked(), MATRICES[matrix]
    stored = upright if undo is None else upright.transpose(undo)
    clip = read(orient_video(save_video(tmp_path / "a.mp4", [stored] * 4), *matrix))
    assert (clip.media.width, clip.media.height) == upright.size
    assert [corners(picture) for picture in clip.pictures] == [[2, 1, 0, 0]] * 4


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_matrix_of_the_first_frame_only_is_ignored(tmp_path: Path, suffix: str) -> None:
    clip = read(say_turned(save_video(tmp_path / f"a.{suffix}", [marked()] * 6), every=False))
    assert (clip.media.width, clip.media.height) == (96, 64)
    assert {tuple(corners(picture)) for picture in clip.pictures} == {(2, 1, 0, 0)}


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_matrix_of_every_frame_rotates_the_video(tmp_path: Path, suffix: str) -> None:
    clip = read(say_turned(save_video(tmp_path / f"a.{suffix}", [marked()] * 6), every=True))
    assert (clip.media.width, clip.media.height) == (64, 96)
    assert {tuple(corners(picture)) for picture in clip.pictures} == {(1, 0, 2, 0)}


@pytest.mark.parametrize("every", [False, True])
def test_the_containers_matrix_counts_alone(tmp_path: Path, every: bool) -> None:
    path = turn_video(say_turned(save_video(tmp_path / "a.mp4", [marked()] * 6), every), 180)
    clip = read(path)
    assert {tuple(corners(picture)) for picture in clip.pictures} == {(0, 0, 1, 2)}


def test_a_video_of_one_frame_is_rotated_by_its_matrix(tmp_path: Path) -> None:
    clip = read(say_turned(save_video(tmp_path / "a.mp4", [marked()]), every=False))
    assert corners(clip.pictures[0]) == [1, 0, 2, 0]


@pytest.mark.parametrize("suffix", ["avi", "mov"])
def test_a_film_of_photographs_is_rotated_by_their_own_tags(tmp_path: Path, suffix: str) -> None:
    tags = Image.Exif()
    tags[0x0112] = 6
    photograph = io.BytesIO()
    marked().transpose(Image.Transpose.ROTATE_90).save(photograph, "JPEG", exif=tags.tobytes())
    path = tmp_path / f"a.{suffix}"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mjpeg", rate=8)
        assert isinstance(stream, VideoStream)
        stream.codec_context.width, stream.codec_context.height, stream.codec_context.pix_fmt = 64, 96, "yuvj420p"
        for k in range(4):
            packet = av.Packet(photograph.getvalue())
            packet.pts = packet.dts = k
            packet.time_base, packet.stream, packet.is_keyframe = Fraction(1, 8), stream, True
            file.mux(packet)
    clip = read(path)
    assert (clip.media.width, clip.media.height) == (96, 64)
    assert corners(clip.pictures[0]) == [2, 1, 0, 0]


@pytest.mark.parametrize(
    ("matrix", "appearance"),
    [
        (None, DisplayGeometry()),
        ((0, 0, 0, 0), DisplayGeometry()),
        ((2 * ONE, 0, 0, 2 * ONE), DisplayGeometry()),
        ((60_000, 3_000, -3_000, 60_000), DisplayGeometry()),
        ((-3_000, 60_000, -60_000, -3_000), DisplayGeometry(transposed=True, mirrored_x=True)),
    ],
    ids=["none", "void", "larger", "slightly askew", "nearly a quarter"],
)
def test_the_nearest_orientation_is_taken(
    matrix: tuple[int, int, int, int] | None, appearance: DisplayGeometry
) -> None:
    assert geometry_from(matrix, 1.0) == appearance


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
@pytest.mark.parametrize(
    ("pixel_aspect", "turn", "shown"),
    [
        (Fraction(4, 3), 0, (128, 64)),
        (Fraction(3, 4), 0, (72, 64)),
        (Fraction(4, 3), 90, (64, 128)),
        (Fraction(64, 45), 180, (137, 64)),
    ],
)
def test_pixels_that_are_not_square_are_shown_in_their_shape(
    tmp_path: Path, suffix: str, pixel_aspect: Fraction, turn: int, shown: tuple[int, int]
) -> None:
    frames = [np.asarray(marked())] * 4
    path = encode_video(tmp_path / f"a.{suffix}", frames, codec="libx264", pix_fmt="yuv420p", pixel_aspect=pixel_aspect)
    clip = read(turn_video(path, turn))
    assert (clip.media.width, clip.media.height) == shown
    assert clip.pictures[0].shape == (shown[1], shown[0], 3)


def test_an_impossible_pixel_aspect_is_ignored(tmp_path: Path) -> None:
    path = encode_video(
        tmp_path / "a.mov", [np.asarray(marked())] * 2, codec="libx264", pix_fmt="yuv420p", pixel_aspect=Fraction(20)
    )
    with open_video(path) as (_, stream):
        assert stream.sample_aspect_ratio == 20
        assert geometry_of(stream, []) == DisplayGeometry()
