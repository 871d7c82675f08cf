"""The whole files that are damaged: small, and of every kind that smolwatch opens.

To add a kind, add a maker: it writes files into a folder of its own and returns their paths.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pillow_heif
from av.stream import Disposition

from daemon.media import optional_libraries
from tests.support.media.formats import tracks
from tests.support.media.formats.boxes import TURNS, box, put_in_front, set_edits, set_matrix
from tests.support.media.formats.codings import CODINGS
from tests.support.media.formats.containers import Coding, record
from tests.support.media.formats.pictures import KINDS, animate, save_turned, see_through
from tests.support.media.formats.raws import RAWS
from tests.support.media.heif import save_deep_heic, save_heic_sequence
from tests.support.media.media_files import save_image, save_sound, save_video, some_frames, some_image, turn_video
from tests.support.media.odd_profiles import swapped
from tests.support.media.tiny_raws import DNG, Directory, jpeg_of, rgb, save_raw, sensor
from tests.support.media.track_kinds import Beside, Film, save_films

Maker = Callable[[Path], list[Path]]

SIZE = (64, 48)
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
FILMS: tuple[tuple[str, str, dict[str, str]], ...] = (
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
#: Codings that need more pixels than seeds have.
LARGE = {"h263.3gp", "dv.avi", "dv.mov", "dnxhr.mov", "dnxhr.mxf", "cineform.mov"}


def modes(folder: Path) -> list[Path]:
    made = [
        save_image(folder / f"{mode}{suffix}", some_image(1, SIZE).convert(mode))
        for suffix, modes in (MODES | (EXTRA if optional_libraries.pillow_jxl else {})).items()
        for mode in modes
    ]
    made.append(save_image(folder / "turned.jpg", some_image(2, SIZE), orientation=6))
    for name, options in (("packed.tiff", {"compression": "tiff_lzw"}), ("scans.jpg", {"progressive": True})):
        some_image(3, SIZE).save(folder / name, **options)
        made.append(folder / name)
    return made


def kinds(folder: Path) -> list[Path]:
    """Every depth, profile, alpha and orientation."""
    return [
        save_turned(folder, some_image(number, SIZE), name, number % 8 + 1 if kind.turns else 1)
        for number, (name, kind) in enumerate(KINDS.items())
    ]


def moving_pictures(folder: Path) -> list[Path]:
    frames = [some_image(seed, (48, 48)) for seed in range(3)]
    few = [frame.convert("P") for frame in frames]
    made = [animate(folder / name, few, 100) for name in ("many.gif", "many.webp", "many.png")]
    made.append(animate(folder / "many.avif", frames, 100))
    clear = [see_through(frame) for frame in frames]
    made += [animate(folder / f"clear{suffix}", clear, 100, disposal=2) for suffix in (".gif", ".png")]
    return [*made, animate(folder / "clear.webp", clear, 100)]


def profiles(folder: Path) -> list[Path]:
    made = [folder / name for name in ("profile.jpg", "profile.png", "profile.tiff", "profile.webp")]
    for path in made:
        some_image(4, SIZE).save(path, icc_profile=swapped())
    return made


def deep_pictures(folder: Path) -> list[Path]:
    """HEIC in tiles, in ten bits, and in sequence; and a PNG whose first picture is not of its film."""
    some_image(5, (192, 128)).save(folder / "tiles.heic", tile_size=64)
    deep = save_deep_heic(folder / "deep.heic", some_image(5, SIZE), transfer=16)
    frames = [some_image(seed, SIZE) for seed in range(3)]
    hidden = folder / "hidden.png"
    frames[0].save(hidden, save_all=True, append_images=frames[1:], default_image=True)
    return [folder / "tiles.heic", deep, save_heic_sequence(folder / "many.heics", some_frames(6, 1, SIZE)), hidden]


def raws_in_directories(folder: Path) -> list[Path]:
    """TIFF of several pages, and cameras' raw files with a preview, and without one that is large enough."""
    large, small = some_image(6, (512, 384)), some_image(6, SIZE)
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


def several_pictures(folder: Path) -> list[Path]:
    """Pages, small copies, and more than one picture in a HEIC."""
    first, *rest = (some_image(seed, SIZE) for seed in range(3))
    first.save(folder / "pages.tif", save_all=True, append_images=rest)
    first.save(folder / "two.jpg", "MPO", save_all=True, append_images=rest)
    file = pillow_heif.HeifFile()
    for picture in (first, *rest):
        file.add_from_pillow(picture)
    file.save(folder / "many.heic", primary_index=1)
    pillow_heif.from_pillow(some_image(4, (160, 120))).save(folder / "small.heic", thumbnails=[64])
    some_image(5, (192, 128)).save(folder / "tiles.heic", tile_size=64)
    return [folder / name for name in ("pages.tif", "two.jpg", "many.heic", "small.heic", "tiles.heic")]


def raws(folder: Path) -> list[Path]:
    for name, write in RAWS.items():
        (folder / name).write_bytes(write(some_image(5, (256, 192)), preview=True, orientation=6))
    return [folder / name for name in RAWS]


def films_of_old(folder: Path) -> list[Path]:
    frames = some_frames(12, 1, SIZE)
    made = [save_video(folder / name, frames, codec=codec, group=4, options=options) for name, codec, options in FILMS]
    made.append(turn_video(save_video(folder / "turned.mp4", frames), 90))
    made.append(save_sound(folder / "sound.mp4"))
    return made


def old_films(folder: Path) -> list[Path]:
    made = []
    for number, (suffix, codec, size, rate, beside) in enumerate(OLD_FILMS):
        options = (("profile", "dnxhr_lb"),) if codec == "dnxhd" else ()
        film = Film(frames=some_frames(12, 1, size), codec=codec, fps=rate, options=options)
        made.append(save_films(folder / f"{number}{suffix}", [film], beside))
    dv = Film(frames=some_frames(2, 1, (720, 576)), codec="dvvideo", fps=25)
    made.append(save_films(folder / "dv.avi", [dv]))
    two = [Film(frames=some_frames(12, seed, SIZE), is_default=bool(seed)) for seed in range(2)]
    made.append(save_films(folder / "two.mkv", two, Beside(sounds=1)))
    return made


def codings(folder: Path) -> list[Path]:
    """Every container with every codec, and HDR."""
    frames = some_frames(8, 2, SIZE)
    return [
        record(folder / name, frames, replace(coding, group=4, size=None))
        for name, coding in CODINGS.items()
        if name not in LARGE and not name.startswith("lib")
    ]


def see_through_films(folder: Path) -> list[Path]:
    frames = [see_through(frame) for frame in some_frames(6, 3, SIZE)]
    ways = {
        "vp9.webm": Coding(codec="libvpx-vp9", pixels="yuva420p", tagged=False),
        "prores.mov": Coding(codec="prores_ks", pixels="yuva444p10le", tagged=False),
        "animation.mov": Coding(codec="qtrle", pixels="argb", tagged=False),
    }
    return [record(folder / name, frames, coding) for name, coding in ways.items()]


def films_with_company(folder: Path) -> list[Path]:
    """Beside sound, subtitles, covers and data, and of several tracks."""
    film = tracks.film(some_frames(8, 4, SIZE), Coding(group=4))
    aside = tracks.film(some_frames(4, 5, (32, 32)), disposition=Disposition(0))
    rows: dict[str, list[tracks.Track]] = {
        "text.mp4": [film, tracks.sound(0.5), tracks.subtitles("mov_text")],
        "text.mkv": [film, tracks.sound(0.5), tracks.subtitles("ass"), tracks.subtitles("srt")],
        "cover.mp4": [tracks.cover(some_image(1, SIZE)), film],
        "cover.mkv": [film, tracks.matroska_cover(some_image(1, SIZE))],
        "two.mov": [aside, film],
        "data.ts": [film, tracks.data(1, "klv")],
        "many.mp4": [film, *(tracks.sound(0.2, pitch=200.0 + k) for k in range(17))],
    }
    return [tracks.record_tracks(folder / name, row) for name, row in rows.items()]


def films_with_stated_display(folder: Path) -> list[Path]:
    """Cut, turned, mirrored, wide, late and encrypted by what stands around the pictures."""
    frames = some_frames(12, 6, SIZE)
    plain = Coding(group=4)
    key = {"encryption_key": "76a6c65c5ea762046bd749a2e632ccbb", "encryption_kid": "a7e61c373e219033c21091fa607bf3b8"}
    return [
        set_edits(record(folder / "cut.mp4", frames, plain), [(0.5, 0.25), (0.25, None), (0.5, 0.875)]),
        set_matrix(record(folder / "mirrored.mov", frames, plain), *TURNS["transposed"]),
        put_in_front(record(folder / "front.mov", frames, plain), box("wide", b"") + box("free", bytes(30))),
        record(folder / "wide.mp4", frames, replace(plain, aspect=CODINGS["dv.avi"].aspect)),
        record(folder / "late.mkv", frames, plain, start=3600),
        record(folder / "encrypted.mp4", frames, replace(plain, options={"encryption_scheme": "cenc-aes-ctr", **key})),
    ]


PICTURES: tuple[Maker, ...] = (
    modes,
    kinds,
    moving_pictures,
    profiles,
    deep_pictures,
    several_pictures,
    raws,
    raws_in_directories,
)
VIDEOS: tuple[Maker, ...] = (
    films_of_old,
    old_films,
    codings,
    see_through_films,
    films_with_company,
    films_with_stated_display,
)


def made_by(makers: tuple[Maker, ...], folder: Path) -> list[bytes]:
    """The contents of all their files."""
    contents = []
    for make in makers:
        own = folder / make.__name__
        own.mkdir()
        contents += [path.read_bytes() for path in make(own)]
    return contents
