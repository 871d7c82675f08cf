"""The whole files that are damaged: small, and of every kind that smolwatch opens."""

from __future__ import annotations

from pathlib import Path

from daemon.media import extras
from tests.shapes.files import save_image, save_sound, save_video, some_frames, some_image, turn_video
from tests.shapes.heif import save_deep_heic, save_heic_sequence
from tests.shapes.profiles import swapped
from tests.shapes.raws import DNG, Directory, jpeg_of, rgb, save_raw, sensor
from tests.shapes.tracks import Beside, Film, save_films

MODES = {
    ".jpg": ("RGB", "L", "CMYK"),
    ".png": ("RGB", "RGBA", "P", "1", "I;16"),
    ".gif": ("P",),
    ".bmp": ("RGB", "P"),
    ".webp": ("RGB", "RGBA"),
    ".tiff": ("RGB", "LAB", "F", "CMYK", "1"),
    ".heic": ("RGB", "RGBA"),
    ".avif": ("RGB", "RGBA"),
}
#: Written only where the extra is installed that reads them.
EXTRA = {".jxl": ("RGB", "RGBA")}
FILMS = (
    ("a.mp4", "libx264", {}),
    ("b.mp4", "libx265", {}),
    ("c.mp4", "mpeg4", {"movflags": "frag_keyframe+empty_moov"}),
    ("d.mov", "libx264", {}),
    ("e.mkv", "libx264", {}),
    ("f.webm", "libvpx", {}),
    ("g.webm", "libvpx-vp9", {"live": "1"}),
    ("h.avi", "mpeg4", {}),
    ("i.mkv", "mpeg2video", {}),
    ("j.mkv", "libsvtav1", {}),
)
#: Files of camcorders, discs, television and old programs: suffix, codec, size, rate, and what is beside the film.
OLD_FILMS = (
    (".ts", "libx264", (64, 48), 25, Beside(subtitles=("dvb_subtitle",), data=("klv",), sounds=1)),
    (".ts", "mpeg2video", (64, 48), 25, Beside()),
    (".ts", "libx265", (64, 64), 25, Beside()),
    (".mts", "libx264", (64, 48), 25, Beside(subtitles=("hdmv_pgs_subtitle",))),
    (".mpg", "mpeg1video", (64, 48), 25, Beside(sounds=1)),
    (".vob", "mpeg2video", (64, 48), 25, Beside(subtitles=("dvd_subtitle",))),
    (".m2v", "mpeg2video", (64, 48), 25, Beside()),
    (".wmv", "wmv2", (64, 48), 8, Beside(sounds=1)),
    (".wmv", "wmv1", (64, 48), 8, Beside()),
    (".flv", "flv", (64, 48), 8, Beside()),
    (".flv", "libx264", (64, 48), 8, Beside(sounds=1)),
    (".flv", "flashsv", (64, 48), 8, Beside()),
    (".flv", "flashsv2", (64, 48), 8, Beside()),
    (".ogv", "libvpx", (64, 48), 8, Beside(sounds=1)),
    (".3gp", "h263", (128, 96), 8, Beside(subtitles=("mov_text",))),
    (".mxf", "mpeg2video", (64, 48), 25, Beside(sounds=1, timecode=True)),
    (".mxf", "jpeg2000", (64, 48), 25, Beside()),
    (".mxf", "dnxhd", (256, 128), 25, Beside()),
    (".avi", "msmpeg4", (64, 48), 8, Beside(sounds=1)),
    (".avi", "msmpeg4v2", (64, 48), 8, Beside()),
    (".avi", "cinepak", (64, 48), 8, Beside()),
    (".avi", "huffyuv", (64, 48), 8, Beside()),
    (".avi", "ffvhuff", (64, 48), 8, Beside()),
    (".avi", "utvideo", (64, 48), 8, Beside()),
    (".avi", "magicyuv", (64, 48), 8, Beside()),
    (".avi", "msvideo1", (64, 48), 8, Beside()),
    (".avi", "rawvideo", (64, 48), 8, Beside()),
    (".mov", "qtrle", (64, 48), 8, Beside(timecode=True)),
    (".mov", "svq1", (64, 48), 8, Beside()),
    (".mov", "rpza", (64, 48), 8, Beside()),
    (".mov", "png", (64, 48), 8, Beside()),
    (".mov", "prores", (64, 48), 8, Beside(chapters=True)),
    (".mov", "cfhd", (64, 48), 8, Beside()),
    (".mov", "v210", (64, 48), 8, Beside()),
    (".mkv", "ffv1", (64, 48), 8, Beside(subtitles=("subrip", "ass"), cover=True, attachment=True, sounds=1)),
    (".mp4", "libx264", (64, 48), 8, Beside(subtitles=("mov_text",), cover=True, chapters=True, sounds=3)),
)


def pictures(folder: Path) -> list[bytes]:
    made = [
        save_image(folder / f"{mode}{suffix}", some_image(1, (64, 48)).convert(mode))
        for suffix, modes in (MODES | (EXTRA if extras.pillow_jxl else {})).items()
        for mode in modes
    ]
    made.append(save_image(folder / "turned.jpg", some_image(2, (64, 48)), orientation=6))
    for name, options in (("packed.tiff", {"compression": "tiff_lzw"}), ("scans.jpg", {"progressive": True})):
        some_image(3, (64, 48)).save(folder / name, **options)
        made.append(folder / name)
    frames = [some_image(seed, (48, 48)).convert("P") for seed in range(3)]
    for name in ("many.gif", "many.webp", "many.png", "many.avif"):
        frames[0].save(folder / name, save_all=True, append_images=frames[1:], duration=700)
        made.append(folder / name)
    frames[0].save(folder / "hidden.png", save_all=True, append_images=frames[1:], default_image=True)
    made += [folder / "hidden.png", *deep_ones(folder), *raw_ones(folder)]
    for name in ("profile.jpg", "profile.png", "profile.tiff", "profile.webp"):
        some_image(4, (64, 48)).save(folder / name, icc_profile=swapped())
        made.append(folder / name)
    return [path.read_bytes() for path in made]


def deep_ones(folder: Path) -> list[Path]:
    """HEIC in tiles, in ten bits, and in sequence."""
    some_image(5, (192, 128)).save(folder / "tiles.heic", tile_size=64)
    deep = save_deep_heic(folder / "deep.heic", some_image(5, (64, 48)), transfer=16)
    return [folder / "tiles.heic", deep, save_heic_sequence(folder / "many.heics", some_frames(6, 1, (64, 48)))]


def raw_ones(folder: Path) -> list[Path]:
    """TIFF of several pages, and cameras' raw files with a preview, and without one that is large enough."""
    large, small = some_image(6, (512, 384)), some_image(6, (64, 48))
    first = rgb(small, subfile=1, orientation=6)
    first.tags.update(DNG)
    first.children = [sensor(large), Directory({254: [1]}, jpeg=jpeg_of(large))]
    thumb = rgb(small, subfile=1)
    thumb.children = [sensor(small)]
    return [
        save_raw(folder / "pages.tiff", rgb(small), rgb(small, subfile=1), rgb(small)),
        save_raw(folder / "preview.dng", first),
        save_raw(folder / "thumb.nef", thumb),
        save_raw(folder / "a.orf", Directory({274: [8]}, jpeg=jpeg_of(large)), mark=b"IIRO"),
    ]


def films(folder: Path) -> list[bytes]:
    frames = some_frames(12, 1, (64, 48))
    made = [save_video(folder / name, frames, codec=codec, group=4, options=options) for name, codec, options in FILMS]
    made.append(turn_video(save_video(folder / "turned.mp4", frames), 90))
    made.append(save_sound(folder / "sound.mp4"))
    return [path.read_bytes() for path in made]


def old_films(folder: Path) -> list[bytes]:
    made = []
    for number, (suffix, codec, size, rate, beside) in enumerate(OLD_FILMS):
        options = (("profile", "dnxhr_lb"),) if codec == "dnxhd" else ()
        film = Film(frames=some_frames(12, 1, size), codec=codec, fps=rate, options=options)
        made.append(save_films(folder / f"{number}{suffix}", [film], beside))
    dv = Film(frames=some_frames(2, 1, (720, 576)), codec="dvvideo", fps=25)
    made.append(save_films(folder / "dv.avi", [dv]))
    two = [Film(frames=some_frames(12, seed, (64, 48)), is_default=bool(seed)) for seed in range(2)]
    made.append(save_films(folder / "two.mkv", two, Beside(sounds=1)))
    encrypted = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "0" * 32, "encryption_kid": "1" * 32}
    made.append(save_films(folder / "encrypted.mp4", [Film(frames=some_frames(12, 1, (64, 48)))], options=encrypted))
    return [path.read_bytes() for path in made]
