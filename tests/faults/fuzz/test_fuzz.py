"""Damaged files by the thousand through the real decoder process: each is described or refused with a known reason.

`FUZZ_SEED=7` makes other files, `PILLOW_TEST_IMAGES=DIR` names Pillow's Tests/images where they are at hand.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import PIL
import pytest

from tests.fakes.decoding import decoding
from tests.fakes.readers import unlocked
from tests.faults.fuzz.harness import DESCRIBED, put_through
from tests.faults.fuzz.mutations import mutated
from tests.faults.fuzz.seeds import films, old_films, pictures

SEED = int(os.environ.get("FUZZ_SEED", "1"))
PILLOW_IMAGES = os.environ.get("PILLOW_TEST_IMAGES", "")
FEW, MANY = 300, 12_000


@pytest.fixture(params=[pictures, films, old_films])
def seeds(request: pytest.FixtureRequest, tmp_path: Path) -> list[bytes]:
    folder = tmp_path / "seeds"
    folder.mkdir()
    made: list[bytes] = request.param(folder)
    return made


def damaged(folder: Path, seeds: list[bytes], count: int) -> Iterator[Path]:
    """One at a time; the last one lies there when something goes wrong, and its name says how to make it again."""
    for number in range(count):
        path = folder / f"seed-{SEED}-number-{number}"
        path.write_bytes(mutated(seeds, SEED, number))
        yield path
        path.unlink()


def test_the_same_seed_does_the_same_damage() -> None:
    seeds = [bytes(range(256)) * 4, b"x" * 50]
    assert [mutated(seeds, 1, k) for k in range(50)] == [mutated(seeds, 1, k) for k in range(50)]
    assert mutated(seeds, 1, 3) != mutated(seeds, 2, 3)


def test_a_few_hundred_damaged_files_are_described_or_refused(
    tmp_path: Path, seeds: list[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    """And the sandbox changes nothing about it: whatever a file needs was loaded before."""
    with decoding() as decoder:
        findings = put_through(decoder, damaged(tmp_path, seeds, FEW))
    with decoding(lock_in=unlocked) as decoder:
        assert put_through(decoder, damaged(tmp_path, seeds, FEW)).outcomes == findings.outcomes
    with capsys.disabled():
        print(f"\nseed {SEED}: {findings}")
    assert len(findings.outcomes) == FEW
    assert findings.outcomes.count(DESCRIBED) > FEW // 20, "mutations that leave nothing whole find nothing"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_thousand_and_more_damaged_files_are_described_or_refused(
    tmp_path: Path, seeds: list[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    with decoding() as decoder:
        findings = put_through(decoder, damaged(tmp_path, seeds, MANY))
    with capsys.disabled():
        print(f"\nseed {SEED}: {findings}; {findings.bad()}")
    assert len(findings.outcomes) == MANY


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_pillows_own_test_images_are_described_or_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(PILLOW_IMAGES) if PILLOW_IMAGES else fetched(tmp_path)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    with decoding() as decoder:
        findings = put_through(decoder, paths)
    with capsys.disabled():
        print(f"\nPillow's: {findings}; {findings.bad()}")
    assert len(findings.outcomes) > 500


def fetched(folder: Path) -> Path:
    """Pillow's source distribution, unpacked; they are in no wheel."""
    wanted = f"pillow=={PIL.__version__}"
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", str(folder)]
    done = subprocess.run([*command, wanted], capture_output=True, text=True)
    archives = list(folder.glob("*.tar.gz"))
    if done.returncode or not archives:
        pytest.skip(f"{wanted} cannot be fetched: {done.stderr.strip().splitlines()[-1:]}")
    with tarfile.open(archives[0]) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.glob("*/Tests/images"))
