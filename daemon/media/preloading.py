"""Loads what the readers of files otherwise load when the first file needs it, which a locked-in process cannot do."""

from __future__ import annotations

from importlib import import_module

READERS = ("daemon.media.images", "daemon.media.videos")
#: Each is asked for by Pillow, PyAV or Python itself in the middle of some file.
LATE = (
    "PIL.BmpImagePlugin",
    "PIL.GifImagePlugin",
    "PIL.ImageCms",
    "PIL.ImagePalette",
    "PIL.JpegImagePlugin",
    "PIL.MpoImagePlugin",
    "PIL.PngImagePlugin",
    "PIL.PpmImagePlugin",
    "PIL.TiffImagePlugin",
    "PIL.WebPImagePlugin",
    "av.subtitles.stream",
    "encodings.ascii",
    "encodings.latin_1",
    "multiprocessing.connection",
)


def preload() -> None:
    for name in (*READERS, *LATE):
        import_module(name)
