"""Loads what the readers of files otherwise load when the first file needs it, which a locked-in process cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pkgutil import walk_packages

READERS = ("daemon.media.images", "daemon.media.video.videos")
#: Each module below these is loaded: they import their own parts when a stream or a picture of that kind comes along.
WHOLE = ("av",)
#: The same, but for modules that need what this machine does not have: another system, a package that is not installed.
AS_FAR_AS_POSSIBLE = ("PIL", "pillow_heif", "encodings")
#: No decoding needs these: programs, windows on a screen, and examples from the network.
NEVER = frozenset(
    {
        "PIL.__main__",
        "PIL._imagingtk",
        "PIL._tkinter_finder",
        "PIL.ImageGrab",
        "PIL.ImageQt",
        "PIL.ImageShow",
        "PIL.ImageTk",
        "PIL.report",
        "av.__main__",
        "av.datasets",
    }
)
#: Python's own, asked for in the middle of some file: by warnings, dates in text, counters, and the line to the parent.
LATE = ("_strptime", "heapq", "linecache", "multiprocessing.connection", "tracemalloc")


def preload() -> None:
    """Raises ImportError when a part is missing without which no file could be read."""
    for name in (*READERS, *LATE):
        import_module(name)
    for package in WHOLE:
        for name in modules_below(package):
            import_module(name)
    for package in AS_FAR_AS_POSSIBLE:
        for name in modules_below(package):
            with suppress(ImportError):
                import_module(name)
    import_module("PIL.Image").init()  # or Pillow looks for more plugins when a picture is none that it knows


def modules_below(package: str) -> Iterator[str]:
    path = import_module(package).__path__
    return (module.name for module in walk_packages(path, f"{package}.") if module.name not in NEVER)
