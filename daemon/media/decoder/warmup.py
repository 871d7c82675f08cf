"""Imports in advance what libraries import lazily: inside the sandbox no module can be loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pkgutil import walk_packages

READERS = ("daemon.media.images", "daemon.media.video.videos")
#: Every module of these is imported: they import submodules when a stream of that kind comes.
FULL_PACKAGES = ("av",)
#: The same, without modules that fail to import here: for another system, or with a dependency that is not installed.
OPTIONAL_PACKAGES = ("PIL", "pillow_heif", "encodings")
#: Not needed for decoding: programs, GUI windows, sample data from the network.
EXCLUDED = frozenset(
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
#: Modules of Python that are imported lazily while decoding: for warnings, dates in text, counters, and the socket.
STANDARD_MODULES = ("_strptime", "heapq", "linecache", "multiprocessing.connection", "tracemalloc")


def preload() -> None:
    """Raises ImportError if a required module is missing."""
    for name in (*READERS, *STANDARD_MODULES):
        import_module(name)
    for package in FULL_PACKAGES:
        for name in modules_below(package):
            import_module(name)
    for package in OPTIONAL_PACKAGES:
        for name in modules_below(package):
            with suppress(ImportError):
                import_module(name)
    import_module("PIL.Image").init()  # or Pillow searches for plugins when it does not recognise a picture


def modules_below(package: str) -> Iterator[str]:
    path = import_module(package).__path__
    return (module.name for module in walk_packages(path, f"{package}.") if module.name not in EXCLUDED)
