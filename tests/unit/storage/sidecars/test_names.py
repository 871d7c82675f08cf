from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.sidecars.names import LONGEST_NAME, is_sidecar_name, sidecar_name, sidecar_path

SUFFIXES = (b".smolwatch.json", b".md")


def test_a_sidecar_is_beside_its_file_with_the_whole_name() -> None:
    assert sidecar_path(b"/inbox/a b/IMG_1.HEIC", b".smolwatch.json") == b"/inbox/a b/IMG_1.HEIC.smolwatch.json"


def test_the_longest_name_that_fits_is_left_alone() -> None:
    name = b"a" * (LONGEST_NAME - len(b".jpg.md")) + b".jpg"
    assert sidecar_name(name, b".md") == name + b".md"


def test_a_name_of_255_bytes_is_shortened_with_a_hash_and_keeps_its_ending() -> None:
    name = b"a" * 251 + b".jpg"
    short = sidecar_name(name, b".smolwatch.json")
    assert len(short) == LONGEST_NAME
    assert short.endswith(b".jpg.smolwatch.json")
    assert short != sidecar_name(b"a" * 250 + b"b.jpg", b".smolwatch.json"), "long names that differ stay different"


def test_a_shortened_name_splits_no_character() -> None:
    for shift in range(4):
        short = sidecar_name(b"a" * shift + "🏖".encode() * 62 + b".jpg", b".smolwatch.json")
        assert short.decode().endswith(".jpg.smolwatch.json")


@pytest.mark.parametrize("name", [b"a" * 255, b"." + b"a" * 254, b"\xff" * 251 + b".jpg", b"a." + b"b" * 253])
def test_the_system_accepts_every_shortened_name(tmp_path: Path, name: bytes) -> None:
    for suffix in SUFFIXES:
        os.close(os.open(os.path.join(os.fsencode(tmp_path), sidecar_name(name, suffix)), os.O_CREAT))


@given(st.binary(min_size=1, max_size=255), st.sampled_from(SUFFIXES))
def test_no_sidecar_name_is_longer_than_a_name_may_be(name: bytes, suffix: bytes) -> None:
    short = sidecar_name(name, suffix)
    assert len(short) <= LONGEST_NAME
    assert short.endswith(suffix)


@given(st.from_regex(rb"[^/\x00]{1,240}\.[a-z0-9]{3,4}", fullmatch=True), st.sampled_from(SUFFIXES))
def test_every_sidecar_is_known_by_its_name(name: bytes, suffix: bytes) -> None:
    assert is_sidecar_name(sidecar_name(name, suffix))


@pytest.mark.parametrize("name", [b"a.jpg", b"notes.md", b"a.json", b"smolwatch.json", b".md", b"a.md.jpg"])
def test_other_names_are_no_sidecars(name: bytes) -> None:
    assert not is_sidecar_name(name)
