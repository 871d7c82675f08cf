from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from daemon.errors import NotAllowedError, TooLargeError, UnreadableError
from daemon.media.clip import SMALL_PREVIEW, Clip
from daemon.media.formats import raw
from daemon.media.optional_libraries import rawpy
from storage.description import Media
from storage.records import MediaKind
from tests.support.clips import plan, read
from tests.support.media.media_files import save_image, some_image
from tests.support.media.tiny_raws import DNG, Directory, jpeg_of, rgb, save_raw, sensor, tiff_of

LARGE = some_image(3, (1200, 800))
SMALL = LARGE.resize((160, 106))
installed = pytest.mark.skipif(rawpy is None, reason="needs the extra `raw`")


@pytest.fixture(autouse=True)
def without_the_extra(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "developed" not in request.node.name:
        monkeypatch.setattr(raw, "rawpy", None)


def thumbnail(*children: Directory, orientation: int = 1, dng: bool = True) -> Directory:
    """The first directory of a camera raw file: a thumbnail, with sub-directories."""
    first = rgb(SMALL, subfile=1, orientation=orientation)
    first.tags |= DNG if dng else {}
    first.children = children
    return first


def preview(picture: Image.Image = LARGE, **options: object) -> Directory:
    return Directory({254: [1]}, jpeg=jpeg_of(picture, **options))


def shows(clip: Clip, picture: Image.Image) -> bool:
    other = np.asarray(picture).astype(int)
    return clip.pictures[0].shape == other.shape and float(np.abs(clip.pictures[0] - other).mean()) < 5


def facts(width: int, height: int) -> Media:
    return Media(kind=MediaKind.IMAGE, format="raw", width=width, height=height)


@pytest.mark.parametrize("dng", [True, False])
def test_the_largest_preview_is_shown(tmp_path: Path, dng: bool) -> None:
    middle = preview(LARGE.resize((600, 400)))
    clip = read(save_raw(tmp_path / "a.tif", thumbnail(middle, preview(), sensor(LARGE), dng=dng), preview(SMALL)))
    assert clip.media == facts(1200, 800)
    assert shows(clip, LARGE)


def test_a_preview_that_is_smaller_is_shown_with_the_whole_pictures_size(tmp_path: Path) -> None:
    middle = LARGE.resize((600, 400))
    clip = read(save_raw(tmp_path / "a.tif", thumbnail(preview(middle), sensor(LARGE))))
    assert clip.media == facts(1200, 800)
    assert shows(clip, middle)


def test_a_preview_that_is_the_whole_picture_has_its_own_size(tmp_path: Path) -> None:
    """That is the picture that the camera shows: the sensor's picture is a little larger."""
    seen = sensor(some_image(3, (1240, 830)))
    assert read(save_raw(tmp_path / "a.tif", thumbnail(preview(), seen))).media == facts(1200, 800)
    seen.tags |= {50720: [1210, 810]}
    clip = read(save_raw(tmp_path / "b.tif", thumbnail(preview(LARGE.resize((600, 400))), seen)))
    assert clip.media == facts(1210, 810)


def test_a_preview_that_is_not_packed_is_shown(tmp_path: Path) -> None:
    middle = LARGE.resize((600, 400))
    clip = read(save_raw(tmp_path / "a.tif", thumbnail(rgb(middle, subfile=1), sensor(LARGE))))
    assert clip.media == facts(1200, 800)
    assert shows(clip, middle)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_preview_is_transposed_by_the_files_tag(tmp_path: Path, orientation: int) -> None:
    turns = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_270, 8: Image.Transpose.ROTATE_90}
    shown = LARGE.transpose(turns[orientation]) if orientation > 1 else LARGE
    clip = read(save_raw(tmp_path / "a.tif", thumbnail(preview(), sensor(LARGE), orientation=orientation)))
    assert clip.media == facts(*shown.size)
    assert shows(clip, shown)


def test_the_previews_own_orientation_takes_precedence(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 1
    clip = read(save_raw(tmp_path / "a.tif", thumbnail(preview(exif=exif), sensor(LARGE), orientation=6)))
    assert shows(clip, LARGE)


def test_a_preview_that_the_camera_rotated_is_not_rotated_again(tmp_path: Path) -> None:
    upright = LARGE.transpose(Image.Transpose.ROTATE_270)
    clip = read(save_raw(tmp_path / "a.tif", thumbnail(preview(upright), sensor(LARGE), orientation=6)))
    assert clip.media == facts(800, 1200)
    assert shows(clip, upright)


def test_an_unpacked_preview_with_its_own_tag_is_rotated_once(tmp_path: Path) -> None:
    first = rgb(LARGE, orientation=6)
    first.tags |= DNG
    first.children = [sensor(LARGE)]
    assert shows(read(save_raw(tmp_path / "a.tif", first)), LARGE.transpose(Image.Transpose.ROTATE_270))


@pytest.mark.parametrize("mark", [b"IIRO", b"IIRS", b"IIU\0"])
def test_varieties_of_tiff_are_known(tmp_path: Path, mark: bytes) -> None:
    path = save_raw(tmp_path / "a", Directory({274: [8]}, jpeg=jpeg_of(LARGE)), mark=mark)
    clip = read(path)
    assert clip.media == facts(800, 1200)
    assert shows(clip, LARGE.transpose(Image.Transpose.ROTATE_90))


def test_panasonics_sensor_is_known_by_its_borders(tmp_path: Path) -> None:
    borders: dict[int, Sequence[int]] = {4: [10], 5: [20], 6: [3010], 7: [4020]}
    path = save_raw(tmp_path / "a", Directory(borders, jpeg=jpeg_of(LARGE)), mark=b"IIU\0")
    assert read(path).media == facts(4000, 3000)


def test_canons_first_variety_is_known(tmp_path: Path) -> None:
    content = bytearray(tiff_of(Directory({274: [1]}, jpeg=jpeg_of(LARGE))))
    at = len(content)
    path = tmp_path / "a.cr2"
    path.write_bytes(b"II*\0" + (at + 8).to_bytes(4, "little") + b"CR\2\0" + bytes(4) + jpeg_of(LARGE))
    assert read(path).media == facts(1200, 800)


def test_canons_newer_variety_is_rotated_by_its_own_directory(tmp_path: Path) -> None:
    directory = tiff_of(Directory({274: [6]}))
    boxes = b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + (8 + len(directory)).to_bytes(4, "big") + b"CMT1" + directory
    path = tmp_path / "a.cr3"
    path.write_bytes(boxes + b"\0\0\0\1mdat" + bytes(8) + jpeg_of(SMALL) + jpeg_of(LARGE))
    assert read(path).media == facts(800, 1200)


@pytest.mark.parametrize("head", [b"FUJIFILMCCD-RAW 0201FF129502", b"FOVb\0\0\2\0", b"\0MRM\0\0\0\0"])
def test_files_that_are_no_tiff_are_searched(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(head + bytes(100) + jpeg_of(LARGE) + bytes(500))
    assert read(path).media == facts(1200, 800)


def test_a_damaged_preview_gives_way_to_the_next(tmp_path: Path) -> None:
    broken = bytearray(jpeg_of(LARGE))
    at = broken.index(b"\xff\xda")
    broken[at + 4] = 77
    middle = LARGE.resize((600, 400))
    path = save_raw(tmp_path / "a.tif", thumbnail(Directory({}, jpeg=bytes(broken)), preview(middle), sensor(LARGE)))
    assert shows(read(path), middle)


def test_a_piece_of_a_picture_is_no_preview(tmp_path: Path) -> None:
    """Lossy DNG stores its tiles as JPEG pictures."""
    tiles = Directory({254: [0], 256: [1200], 257: [800], 262: [34892]}, [jpeg_of(some_image(4, (640, 800)))] * 2)
    clip = read(save_raw(tmp_path / "a.tif", thumbnail(tiles)))
    assert (clip.media, clip.defects) == (facts(1200, 800), (SMALL_PREVIEW,))
    assert shows(clip, SMALL)


@pytest.mark.parametrize("dng", [True, False])
def test_a_thumbnail_is_used_if_there_is_nothing_else_and_reported_as_a_defect(tmp_path: Path, dng: bool) -> None:
    clip = read(save_raw(tmp_path / "a.tif", thumbnail(sensor(LARGE), dng=dng)))
    assert (clip.media, clip.defects) == (facts(1200, 800), (SMALL_PREVIEW,))
    assert shows(clip, SMALL)


def test_sensor_data_without_a_preview_is_refused_by_name(tmp_path: Path) -> None:
    first = sensor(LARGE)
    first.tags |= DNG
    with pytest.raises(NotAllowedError, match="camera raw file") as refused:
        read(save_raw(tmp_path / "a.tif", first))
    assert "smolwatch[raw]" in refused.value.advice
    assert refused.value.code == "not-allowed"


def test_an_ordinary_tiff_is_no_raw_file(tmp_path: Path) -> None:
    assert read(save_image(tmp_path / "a.tif", LARGE)).media.format == "tiff"


def test_a_very_long_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "MAX_BYTES", 1000)
    with pytest.raises(TooLargeError, match="raw file is too large"):
        read(save_raw(tmp_path / "a.tif", thumbnail(preview(), sensor(LARGE))))


@installed
@pytest.mark.parametrize("edge", [2048, 500])
def test_without_a_preview_the_picture_is_developed(tmp_path: Path, edge: int) -> None:
    picture = Image.new("RGB", (1200, 800), (180, 180, 180))
    picture.paste((180, 40, 40), (100, 100, 700, 700))
    clip = read(save_raw(tmp_path / "a.tif", thumbnail(sensor(picture))), plan(image_edge=edge))
    assert clip.media == facts(1200, 800)
    height, width = clip.pictures[0].shape[:2]
    assert max(width, height) == min(edge, 1200)
    red, ground = (clip.pictures[0][row * height // 8, width // 3].astype(int) for row in (4, 0))
    assert red[0] > 1.7 * red[1:].max()
    assert ground.min() > 225 and np.ptp(ground) < 12


@installed
def test_what_cannot_be_developed_either_is_refused(tmp_path: Path) -> None:
    path = save_raw(tmp_path / "a.orf", Directory({256: [640], 257: [480]}), mark=b"IIRO")
    with pytest.raises((NotAllowedError, UnreadableError)):
        read(path)
