"""A whole tree is described, and of all that stood there before, no byte and no time changes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.lifecycle import JobState
from tests.support.media.media_files import grey_frames, save_image, save_video, some_image
from tests.support.processes import DaemonHome


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    home = DaemonHome(tmp_path / "home")
    yield home
    home.close()


def plant(root: Path, outside: Path) -> None:
    """Pictures, videos, other people's files, and things in the places of sidecars."""
    for number, name in enumerate(("a.jpg", "b.png", "deep/er/c.webp", "deep/d e.gif", "broken.jpg")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        save_image(root / name, some_image(number, (64, 48)))
    save_video(root / "deep" / "film.mp4", grey_frames(8))
    (root / "broken.jpg").write_bytes((root / "a.jpg").read_bytes()[:400])
    (root / "read-only.png").write_bytes((root / "b.png").read_bytes() + b"x")
    (root / "read-only.png").chmod(0o444)
    (root / "a.jpg.md").write_text("My own notes.\n")
    (root / "a.jpg.smolwatch.json").write_text('{"mine": true}')
    (root / "a.jpg.xmp").write_text("<x:xmpmeta/>")
    (root / "b.png.md").symlink_to(outside)
    (root / "b.png.smolwatch.json").mkdir()
    (root / "b.png.smolwatch.json" / "inside.txt").write_text("inside")
    (root / "notes.txt").write_text("notes")
    (root / "link.jpg").symlink_to(root / "a.jpg")
    for number, path in enumerate(sorted(root.rglob("*"))):
        if not path.is_symlink():
            os.utime(path, ns=(10**18, 10**18 + number * 1_000_000_007))


def state_of(path: Path) -> tuple[object, ...]:
    found = path.lstat()
    content = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
    return found.st_mode, found.st_ino, found.st_uid, found.st_nlink, found.st_size, found.st_mtime_ns, content


def test_all_that_stood_there_stays_as_it_was(home: DaemonHome, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("outside")
    plant(home.inbox, outside)
    before = {path: state_of(path) for path in (outside, *home.inbox.rglob("*")) if path.is_symlink() or path.is_file()}
    assert home.start("--once").wait(timeout=50) == 1, "the broken one fails"
    described = {name for name, state in home.states().items() if state is JobState.DONE}
    assert described == {"a.jpg", "b.png", "c.webp", "d e.gif", "film.mp4", "read-only.png"}
    assert {path: state_of(path) for path in before} == before
    new = {path.relative_to(home.inbox) for path in home.inbox.rglob("*") if path.is_file()} - {
        path.relative_to(home.inbox) for path in before if path != outside
    }
    files = ("deep/er/c.webp", "deep/d e.gif", "deep/film.mp4", "read-only.png")
    assert new == {Path(f"{name}{suffix}") for name in files for suffix in (".md", ".smolwatch.json")}


def test_what_a_person_wrote_in_a_sidecar_outlives_the_database(home: DaemonHome) -> None:
    save_image(home.inbox / "a.jpg", some_image(1, (64, 48)))
    assert home.start("--once").wait(timeout=50) == 0
    sidecar = home.inbox / "a.jpg.md"
    sidecar.write_text(
        sidecar.read_text().replace("A picture of 64x48.", "Our first boat.", 1) + "\n## Place\n\nSylt\n"
    )
    shutil.rmtree(home.settings.home / "data")
    assert home.start("--once").wait(timeout=50) == 0
    text = sidecar.read_text()
    assert text.count("Our first boat.") == text.count("Sylt") == text.count("## Caption") == 1
    assert "A picture of 64x48." in text, "the summary is the model's still"
