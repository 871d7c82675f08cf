"""Fault 56: between the look at a file and its opening, somebody puts a link to another in its place. Real."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from daemon.errors import ChangedError, MediaError, NotRegularError
from storage.records import Fingerprint
from tests.support.clips import plan
from tests.support.decoders import decoding
from tests.support.media.media_files import save_image, some_image

ROUNDS = 200


@contextmanager
def swapping(path: Path, link: Path) -> Iterator[None]:
    """The file and the link take turns at the path, as fast as the system can rename."""
    stop, aside = threading.Event(), path.with_name("aside")

    def swap() -> None:
        while not stop.is_set():
            path.rename(aside)
            link.rename(path)
            path.rename(link)
            aside.rename(path)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        yield
    finally:
        stop.set()
        swapper.join()


@pytest.mark.parametrize("whole_folder", [False, True], ids=["file", "folder"])
def test_the_other_file_is_never_described(tmp_path: Path, whole_folder: bool) -> None:
    own, secret = some_image(1, (64, 48)), some_image(2, (64, 48))
    for folder, picture in (("inbox", own), ("elsewhere", secret)):
        (tmp_path / folder).mkdir()
        save_image(tmp_path / folder / "photo.png", picture)
    path = tmp_path / "inbox" / "photo.png"
    target, place = (tmp_path / "elsewhere", path.parent) if whole_folder else (tmp_path / "elsewhere/photo.png", path)
    link = tmp_path / "link"
    link.symlink_to(target)
    expected, outcomes = Fingerprint.of(path.lstat()), Counter[str]()
    with decoding() as decoder, swapping(place, link):
        for _ in range(ROUNDS):
            try:
                clip = decoder.open(os.fsencode(path), expected, plan())
            except MediaError as error:
                outcomes[error.code] += 1
                continue
            assert np.array_equal(clip.pictures[0], np.asarray(own))
            outcomes["own"] += 1
    assert outcomes.total() == ROUNDS
    assert set(outcomes) <= {"own", "not-regular", "changed", "gone"}


def test_a_link_that_stands_there_for_good_is_refused(tmp_path: Path) -> None:
    secret = save_image(tmp_path / "secret.png", some_image(2))
    path = save_image(tmp_path / "photo.png", some_image(1))
    expected = Fingerprint.of(path.lstat())
    path.unlink()
    path.symlink_to(secret)
    with decoding() as decoder, pytest.raises(NotRegularError, match="symbolic link"):
        decoder.open(os.fsencode(path), expected, plan())


def test_another_file_that_stands_there_is_refused(tmp_path: Path) -> None:
    path = save_image(tmp_path / "photo.png", some_image(1))
    expected = Fingerprint.of(path.lstat())
    save_image(tmp_path / "other.png", some_image(2)).rename(path)
    with decoding() as decoder, pytest.raises(ChangedError):
        decoder.open(os.fsencode(path), expected, plan())
