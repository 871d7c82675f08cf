"""The whole files that are damaged: small, and of every kind that smolwatch opens."""

from __future__ import annotations

from pathlib import Path

from tests.shapes.files import save_image, save_sound, save_video, some_frames, some_image, turn_video

MODES = {
    ".jpg": ("RGB", "L", "CMYK"),
    ".png": ("RGB", "RGBA", "P", "1", "I;16"),
    ".gif": ("P",),
    ".bmp": ("RGB", "P"),
    ".webp": ("RGB", "RGBA"),
    ".tiff": ("RGB", "LAB", "F", "CMYK", "1"),
    ".heic": ("RGB", "RGBA"),
}
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


def pictures(folder: Path) -> list[bytes]:
    made = [
        save_image(folder / f"{mode}{suffix}", some_image(1, (64, 48)).convert(mode))
        for suffix, modes in MODES.items()
        for mode in modes
    ]
    made.append(save_image(folder / "turned.jpg", some_image(2, (64, 48)), orientation=6))
    for name, options in (("packed.tiff", {"compression": "tiff_lzw"}), ("scans.jpg", {"progressive": True})):
        some_image(3, (64, 48)).save(folder / name, **options)
        made.append(folder / name)
    frames = [some_image(seed, (48, 48)).convert("P") for seed in range(3)]
    for name in ("many.gif", "many.webp", "many.png"):
        frames[0].save(folder / name, save_all=True, append_images=frames[1:])
        made.append(folder / name)
    return [path.read_bytes() for path in made]


def films(folder: Path) -> list[bytes]:
    frames = some_frames(12, 1, (64, 48))
    made = [save_video(folder / name, frames, codec=codec, group=4, options=options) for name, codec, options in FILMS]
    made.append(turn_video(save_video(folder / "turned.mp4", frames), 90))
    made.append(save_sound(folder / "sound.mp4"))
    return [path.read_bytes() for path in made]
