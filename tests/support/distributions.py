"""Distributions of other packages, for the pictures and clips in them: fetched once, kept in pytest's cache."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = 600.0


def unpacked(config: pytest.Config, requirement: str, *, wheel: bool = False) -> Path:
    """The folder of a distribution's files, such as that of "pillow==13.0.0". Skips the test where it cannot be had.

    Of its sources, or of its `wheel`, which needs no build to be fetched.
    """
    assert config.cache is not None
    folder = config.cache.mkdir("sdists") / requirement
    done = folder / "done"
    if not done.exists():
        folder.mkdir(exist_ok=True)
        fetch(requirement, folder, wheel)
        done.touch()
    return folder if wheel else next(path for path in folder.iterdir() if path.is_dir())


def fetch(requirement: str, folder: Path, wheel: bool) -> None:
    options = ["--quiet", "--no-deps", "--only-binary" if wheel else "--no-binary", ":all:", "--dest", str(folder)]
    command = [sys.executable, "-m", "pip", "download", *options, requirement]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{requirement} cannot be fetched within {SECONDS:.0f} seconds")
    archives = [*folder.glob("*.tar.gz"), *folder.glob("*.whl")]
    if done.returncode or not archives:
        pytest.skip(f"{requirement} cannot be fetched: {done.stderr.strip().splitlines()[-1:]}")
    if wheel:
        shutil.unpack_archive(archives[0], folder, "zip")
    else:
        shutil.unpack_archive(archives[0], folder, "gztar", filter="data")
    archives[0].unlink()
