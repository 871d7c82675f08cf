"""Damaged files by the thousand through the real decoder process: each is described or refused with a known reason.

`FUZZ_SEED=7` makes other files, `PILLOW_TEST_IMAGES=DIR` names Pillow's Tests/images where they are at hand.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import PIL
import pytest

from tests.fakes.readers import no_sandbox
from tests.faults.fuzz.harness import DESCRIBED, put_through
from tests.faults.fuzz.mutations import mutated
from tests.faults.fuzz.pieces import pieces
from tests.faults.fuzz.seeds import PICTURES, VIDEOS, made_by
from tests.support.decoders import decoding
from tests.support.distributions import unpacked

SEED = int(os.environ.get("FUZZ_SEED", "1"))
PILLOW_IMAGES = os.environ.get("PILLOW_TEST_IMAGES", "")
FEW, MANY = 300, 12_000


MAKERS = {"pictures": PICTURES, "films": VIDEOS}


@pytest.fixture(scope="module", params=MAKERS)
def seeds(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return made_by(MAKERS[request.param], tmp_path_factory.mktemp("seeds"))


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


def test_every_kind_of_seed_is_taken_apart_at_its_own_joints(seeds: list[bytes]) -> None:
    """GIF, BMP, large TIFF, JPEG XL and some raw files have none that are worth it."""
    without = {content[:3] for content in seeds if not pieces(content)}
    assert all(beginning.startswith((b"GIF", b"BM", b"II+", b"IIR", b"\xff\x0a")) for beginning in without), without
    for content in seeds:
        for piece in pieces(content):
            assert piece.start < piece.body <= piece.end <= len(content)
            for size in piece.sizes[-1:]:
                assert 0 <= piece.end - piece.start - size.read(content) <= 24, (content[:12], piece)


def test_a_few_hundred_damaged_files_are_described_or_refused(
    tmp_path: Path, seeds: list[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    """And the sandbox changes nothing about it: whatever a file needs was loaded before."""
    with decoding() as decoder:
        findings = put_through(decoder, damaged(tmp_path, seeds, FEW))
    with decoding(enter_sandbox=no_sandbox) as decoder:
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
def test_pillows_own_test_images_are_described_or_refused(
    pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(PILLOW_IMAGES) if PILLOW_IMAGES else unpacked(pytestconfig, f"pillow=={PIL.__version__}")
    paths = sorted(path for path in folder.rglob("images/**/*") if path.is_file())
    with decoding() as decoder:
        findings = put_through(decoder, paths)
    with capsys.disabled():
        print(f"\nPillow's: {findings}; {findings.bad()}")
    assert len(findings.outcomes) > 500
