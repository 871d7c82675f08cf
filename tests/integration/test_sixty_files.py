"""The promise as a whole: sixty drawn files of every kind, dropped as people drop them, each described truly once."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from storage.lifecycle import JobState
from tests.support.demo_world.gallery import Exhibit, hang_film, hang_picture
from tests.support.demo_world.world import some_film, some_picture
from tests.support.processes import DaemonHome
from tests.support.waiting import wait_for

PICTURES = (".jpg", ".heic", ".png", ".webp", ".gif")
FILMS = (".mp4", ".mov", ".webm")
NAMES = ("holiday {}", "Größe_{}", "photo 🙂 {}", "IMG-{}", "a  b.{}")
SLOW_SECONDS = 8
#: The demo model's own bar is 95 of 100; that all sixty are described is the daemon's.
TRUE_CAPTIONS = 57


def draw_sixty(folder: Path) -> list[Exhibit]:
    rng = random.Random("sixty files")
    suffixes = PICTURES + FILMS
    exhibits = []
    for k in range(60):
        suffix = suffixes[k % len(suffixes)]
        file = folder / (NAMES[k % len(NAMES)].format(k) + suffix)
        hang = hang_film(file, some_film(rng), rng) if suffix in FILMS else hang_picture(file, some_picture(rng), rng)
        exhibits.append(hang)
    return exhibits


def write_slowly(source: Path, target: Path) -> None:
    content = source.read_bytes()
    step = len(content) // (SLOW_SECONDS * 2) + 1
    with target.open("wb", buffering=0) as file:
        for start in range(0, len(content), step):
            file.write(content[start : start + step])
            time.sleep(0.5)


def run_daemon(home: DaemonHome, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "cli.main", "--home", str(home.settings.home), "run", "--model", "demo"]
    return subprocess.Popen([*command, *arguments], env=home.environ, stderr=subprocess.DEVNULL, text=True)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("engine", ["auto", "mlx"])
def test_sixty_files_of_every_kind_are_each_described_truly_and_once(engine: str, tmp_path: Path) -> None:
    home = DaemonHome(tmp_path / "home", {"SMOLWATCH_MODEL__ENGINE": engine, "SMOLWATCH_INBOX__SETTLE_SECONDS": "2"})
    studio = tmp_path / "studio"
    studio.mkdir()
    exhibits = draw_sixty(studio)
    daemon = run_daemon(home)
    try:
        wait_for(lambda: home.engine().state == "idle", 60)
        truth = drop(home, studio, exhibits)
        wait_for(lambda: list(home.states().values()) == [JobState.DONE] * 60, 600, every=0.5)
        right = sum(caption_at(file) == caption for file, caption in truth.items())
        print(f"true captions: {right} of 60")
        assert all(file.with_name(file.name + ".md").exists() for file in truth)
        assert right >= TRUE_CAPTIONS
        assert engine == "auto" or engines(home) == {engine}
        began = time.monotonic()
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(20) == 0
        assert time.monotonic() - began < 15
        before = home.jobs()
        assert run_daemon(home, "--once").wait(120) == 0
        assert home.jobs() == before
    finally:
        daemon.kill()
        daemon.wait()


def drop(home: DaemonHome, studio: Path, exhibits: list[Exhibit]) -> dict[Path, str]:
    """Ten files move in with their folder, one is written slowly, the rest is moved in one by one."""
    folder, (slow, *rest) = studio / "a folder", exhibits[10:]
    folder.mkdir()
    for exhibit in exhibits[:10]:
        exhibit.file.rename(folder / exhibit.file.name)
    writer = threading.Thread(target=write_slowly, args=(slow.file, home.inbox / slow.file.name))
    writer.start()
    folder.rename(home.inbox / folder.name)
    for exhibit in rest:
        exhibit.file.rename(home.inbox / exhibit.file.name)
    writer.join()
    landed = {home.inbox / folder.name / e.file.name: e.scene.caption for e in exhibits[:10]}
    return landed | {home.inbox / e.file.name: e.scene.caption for e in exhibits[10:]}


def engines(home: DaemonHome) -> set[str]:
    """Those that the records name."""
    with home.reading() as library:
        described = [library.description(job.id) for job in library.jobs(limit=100)]
    return {found.model.engine for found in described if found is not None}


def caption_at(file: Path) -> str:
    """What the JSON beside the file says."""
    record = json.loads(file.with_name(file.name + ".smolwatch.json").read_text(encoding="utf-8"))
    assert record["file"]["name"] == file.name
    return str(record["answers"]["caption"])
