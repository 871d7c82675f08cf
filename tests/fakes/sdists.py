"""Source distributions of other packages, for the pictures and clips in them: fetched once, kept in pytest's cache."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

SECONDS = 600.0


def unpacked(config: pytest.Config, requirement: str) -> Path:
    """The folder of a distribution's files, such as that of "pillow==13.0.0". Skips the test where it cannot be had."""
    assert config.cache is not None
    folder = config.cache.mkdir("sdists") / requirement
    done = folder / "done"
    if not done.exists():
        folder.mkdir(exist_ok=True)
        fetch(requirement, folder)
        done.touch()
    return next(path for path in folder.iterdir() if path.is_dir())


def fetch(requirement: str, folder: Path) -> None:
    options = ["--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(folder)]
    command = [sys.executable, "-m", "pip", "download", *options, requirement]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{requirement} cannot be fetched within {SECONDS:.0f} seconds")
    archives = list(folder.glob("*.tar.gz"))
    if done.returncode or not archives:
        pytest.skip(f"{requirement} cannot be fetched: {done.stderr.strip().splitlines()[-1:]}")
    with tarfile.open(archives[0]) as archive:
        archive.extractall(folder, filter="data")
    archives[0].unlink()
