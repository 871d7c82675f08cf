"""Pictures as phones, cameras, scanners and programs leave them: each is described truly, with true facts."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from tests.support.demo_world.scenes import corner, difference, moving
from tests.support.demo_world.world import BACKGROUNDS, COLOURS, MOTIONS, Picture
from tests.support.describing import Describer, check_caption, check_refusal
from tests.support.media.formats.boxes import add_brands, box
from tests.support.media.formats.pictures import KINDS, UNDO, animate, save_turned, see_through
from tests.support.media.formats.pngs import add_chunks, chunk
from tests.support.media.formats.raws import RAWS, jpeg
from tests.support.media.formats.tiffs import COMPRESSION, ORIENTATION, Folder, tiff

SIZE = {"width": 320, "height": 240}
#: Of 255: lossy coding stays well below, a white of 255 for one of 248 with it; another place or colour does not.
NEAR = 8.0


def check_kind(describer: Describer, folder: Path, name: str, orientation: int, scene: Picture) -> None:
    """One way to store a picture, one orientation: facts, pixels, and the model's words."""
    kind, truth = KINDS[name], describer.scene(scene)
    described = describer.describe(save_turned(folder, truth.picture, name, orientation))
    if kind.colour:
        check_caption(described, truth.caption, kind="image", **SIZE)
    else:
        assert {fact: described.facts[fact] for fact in SIZE} == SIZE
    assert described.clip is not None
    shown = truth.picture if kind.colour else truth.picture.convert("L")
    assert difference(described.clip.pictures[0], shown) < NEAR


def scenes_for(name: str) -> list[Picture]:
    grounds = ["white"] if KINDS[name].pale else list(BACKGROUNDS)
    return [corner(colour, ground) for colour in COLOURS for ground in grounds]


def test_every_kind_of_picture_shows_its_colours_the_right_way_round(
    describer: Describer, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    """Each kind once, each in another colour and orientation: those of the whole matrix that lie on its diagonal."""
    for number, (name, kind) in enumerate(KINDS.items()):
        scenes = scenes_for(name)
        orientation = number % 8 + 1 if kind.turns else 1
        with subtests.test(f"{name}, {orientation}"):
            check_kind(describer, tmp_path, name, orientation, scenes[number % len(scenes)])


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", KINDS)
def test_every_kind_in_every_colour_and_orientation(
    describer: Describer, tmp_path: Path, name: str, subtests: pytest.Subtests
) -> None:
    for orientation in range(1, 9) if KINDS[name].turns else (1,):
        for scene in scenes_for(name):
            with subtests.test(f"{orientation}: {scene.colour} on {scene.background}"):
                check_kind(describer, tmp_path, name, orientation, scene)


def test_words_are_read_whatever_way_the_camera_was_held(
    describer: Describer, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    truth = describer.scene(Picture(colour="blue", background="white", word="FROG"))
    for name in ("jpeg", "png", "webp", "tiff", "heic", "heic-exif-alone", "avif"):
        for orientation in range(1, 9):
            with subtests.test(f"{name}, {orientation}"):
                path = save_turned(tmp_path, truth.picture, name, orientation)
                check_caption(describer.describe(path), truth.caption, **SIZE)


ANIMATIONS: dict[str, dict[str, object]] = {
    "moving.gif": {},
    "moving.webp": {"quality": 90},
    "lossless.webp": {"lossless": True},
    "moving.png": {},
    "moving.avif": {"quality": 85},
}


def test_a_moving_picture_is_described_as_a_clip(
    describer: Describer, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    """Pillow writes frames that are alike as one: of some motions the file has fewer frames than the film."""
    for motion in set(MOTIONS) - {"stays still"}:
        scene = describer.scene(moving(motion, second="blue" if motion == "turns" else ""), rate=10)
        facts = {"seconds": 4.0, "frame_rate": 10.0, "frames_seen": 4} if motion.startswith("moves") else {}
        for name, how in ANIMATIONS.items():
            with subtests.test(f"{motion}, {name}"):
                described = describer.describe(animate(tmp_path / name, scene.frames, 100, **how))
                check_caption(described, scene.caption, kind="video", **facts, **SIZE)


def test_frames_of_a_moving_picture_count_by_their_own_time(describer: Describer, tmp_path: Path) -> None:
    """The first half flies by, the second half stands: what is seen once a second is the second half."""
    scene = describer.scene(moving())
    fast, slow = scene.frames[:16], scene.frames[16:]
    path = tmp_path / "uneven.gif"
    scene.frames[0].save(
        path, save_all=True, append_images=scene.frames[1:], duration=[20] * len(fast) + [500] * len(slow)
    )
    described = describer.describe(path)
    assert described.facts["seconds"] == pytest.approx(16 * 0.02 + 16 * 0.5)
    assert described.clip is not None
    assert len(described.clip.pictures) == described.facts["frames_seen"] == 8
    assert difference(described.clip.pictures[2], scene.frames[19]) < NEAR


@pytest.mark.parametrize("name", ["still.gif", "still.webp", "still.png", "still.avif"])
def test_a_file_that_could_move_and_does_not_stays_a_picture(describer: Describer, tmp_path: Path, name: str) -> None:
    scene = describer.scene(corner("purple"))
    scene.picture.save(tmp_path / name, save_all=True)
    check_caption(describer.describe(tmp_path / name), scene.caption, kind="image", **SIZE)


@pytest.mark.parametrize("name", ["clear.gif", "clear.webp", "clear.png"])
def test_of_a_moving_picture_that_begins_with_nothing_something_is_seen(
    describer: Describer, tmp_path: Path, name: str
) -> None:
    scene = describer.scene(corner())
    nothing = Image.new("RGBA", scene.picture.size, (0, 0, 0, 0))
    shape = see_through(scene.picture)
    how = {"disposal": 2} if name != "clear.webp" else {}
    described = describer.describe(animate(tmp_path / name, [nothing, shape, shape], 200, **how))
    assert described.clip is not None, described.refusal
    assert any(difference(pixels, scene.picture) < NEAR for pixels in described.clip.pictures), described.facts


def test_the_first_page_of_a_fax_is_described_and_its_pages_are_counted(describer: Describer, tmp_path: Path) -> None:
    scene = describer.scene(corner("green"))
    other = describer.scene(corner("red", "black")).picture
    scene.picture.save(tmp_path / "pages.tif", save_all=True, append_images=[other, other])
    check_caption(describer.describe(tmp_path / "pages.tif"), scene.caption, kind="image", pages=3, **SIZE)


def with_packed_text(picture: Image.Image, path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("workflow", json.dumps({"nodes": list(range(200_000))}), zip=True)
    picture.save(path, pnginfo=text)


def with_packed_xmp(picture: Image.Image, path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", "x" * 1_500_000, zip=True)
    picture.save(path, pnginfo=text)


def with_a_large_profile(picture: Image.Image, path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture.save(path, icc_profile=profile + bytes(1_500_000))


def with_a_bad_sum_in_text(picture: Image.Image, path: Path) -> None:
    picture.save(path)
    add_chunks(path, [chunk(b"tEXt", b"a\0bbbbb", crc=0x01020304)])


def with_text_packed_wrongly(picture: Image.Image, path: Path) -> None:
    picture.save(path)
    add_chunks(path, [chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"hello")[:-6])])


@pytest.mark.parametrize(
    "write",
    [with_packed_text, with_packed_xmp, with_a_large_profile, with_a_bad_sum_in_text, with_text_packed_wrongly],
)
def test_what_is_written_beside_a_png_s_pixels_is_not_in_its_way(
    describer: Describer, tmp_path: Path, write: Callable[[Image.Image, Path], None]
) -> None:
    scene = describer.scene(corner("blue", "gray"))
    write(scene.picture, tmp_path / "a.png")
    check_caption(describer.describe(tmp_path / "a.png"), scene.caption, **SIZE)


@pytest.mark.parametrize("how", [{}, {"progressive": True}])
def test_a_jpeg_without_its_end_is_whole_and_one_without_its_rows_is_not(
    describer: Describer, tmp_path: Path, how: dict[str, Any]
) -> None:
    scene = describer.scene(corner("orange"))
    path = tmp_path / "a.jpg"
    scene.picture.save(path, quality=95, **how)
    content = path.read_bytes()
    path.write_bytes(content[:-2])
    check_caption(describer.describe(path), scene.caption, **SIZE)
    path.write_bytes(content[: len(content) * 2 // 3])
    check_refusal(describer.describe(path), "unreadable", "incomplete", "damaged")


@pytest.mark.parametrize("name", ["a.heic", "a.avif"])
def test_a_picture_may_name_many_brands_before_its_own(describer: Describer, tmp_path: Path, name: str) -> None:
    scene = describer.scene(corner("yellow", "black"))
    scene.picture.save(tmp_path / name, quality=90)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[:8] + b"mif1" + content[12:])
    add_brands(tmp_path / name, [f"br{number:02}" for number in range(24)])
    check_caption(describer.describe(tmp_path / name), scene.caption, **SIZE)


def test_of_several_pictures_in_a_heic_the_one_that_is_meant_is_described(describer: Describer, tmp_path: Path) -> None:
    scene, other = describer.scene(corner("green")), describer.scene(corner("red", "black"))
    file = pillow_heif.HeifFile()
    file.add_from_pillow(other.picture)
    file.add_from_pillow(scene.picture)
    file.save(tmp_path / "two.heic", quality=90, primary_index=1)
    check_caption(describer.describe(tmp_path / "two.heic"), scene.caption, kind="image", **SIZE)


def test_a_phone_s_picture_in_tiles_is_described_upright(
    describer: Describer, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    scene = describer.scene(corner("orange", "gray"))
    for orientation in range(1, 9):
        with subtests.test(f"{orientation}"):
            path = save_turned(tmp_path, scene.picture, "heic-tiles", orientation)
            check_caption(describer.describe(path), scene.caption, **SIZE)


def test_a_raw_picture_is_described_by_its_large_preview_or_refused_by_name(
    describer: Describer, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    """Never by its thumbnail, and held as its camera was."""
    scene = describer.scene(corner("blue"), size=(1600, 1200))
    for name, write in RAWS.items():
        path = tmp_path / name
        for orientation in (1, 6):
            with subtests.test(f"{name}, {orientation}"):
                undo = UNDO[orientation]
                stored = scene.picture if undo is None else scene.picture.transpose(undo)
                path.write_bytes(write(stored, preview=True, orientation=orientation))
                check_caption(describer.describe(path), scene.caption, kind="image", width=1600, height=1200)
        with subtests.test(f"{name} without a preview"):
            path.write_bytes(write(scene.picture, preview=False))
            described = describer.describe(path)
            if described.refusal is None:  # developed, where the extra for it is installed
                assert described.facts["width"] == 1600
            else:
                check_refusal(described, "not-allowed", "raw")


def test_a_picture_of_108_megapixels_is_described(describer: Describer, tmp_path: Path) -> None:
    scene = describer.scene(corner())
    scene.picture.resize((12_000, 9_000), Image.Resampling.BILINEAR).save(tmp_path / "phone.jpg", quality=80)
    check_caption(describer.describe(tmp_path / "phone.jpg"), scene.caption, width=12_000, height=9_000)


def test_a_picture_s_own_small_copy_is_not_what_is_described(describer: Describer, tmp_path: Path) -> None:
    """The thumbnail shows something else."""
    scene, other = describer.scene(corner("purple")), describer.scene(corner("green", "black"), size=(160, 120))
    tags = tiff([Folder({ORIENTATION: 1}), Folder({COMPRESSION: 6}, jpeg=jpeg(other.picture))])
    scene.picture.save(tmp_path / "a.jpg", exif=b"Exif\0\0" + tags)
    check_caption(describer.describe(tmp_path / "a.jpg"), scene.caption, **SIZE)
    pillow_heif.from_pillow(scene.picture).save(tmp_path / "a.heic", quality=90, thumbnails=[128])
    check_caption(describer.describe(tmp_path / "a.heic"), scene.caption, **SIZE)


def test_a_heic_s_other_boxes_are_not_in_its_way(describer: Describer, tmp_path: Path) -> None:
    scene = describer.scene(corner("red", "gray"))
    scene.picture.save(tmp_path / "a.heic", quality=90)
    content = (tmp_path / "a.heic").read_bytes()
    (tmp_path / "a.heic").write_bytes(content + box("free", bytes(64)))
    check_caption(describer.describe(tmp_path / "a.heic"), scene.caption, **SIZE)
