from __future__ import annotations

import os
from pathlib import Path

import pytest

from config.settings import Settings
from daemon.intake.watched_inboxes import inboxes_of
from daemon.worker.process import sidecar_writer
from tests.support.files import description_of
from tests.unit.daemon.conftest import drop, settled


def test_sidecars_are_written_beside_the_file(settings: Settings, inbox: Path) -> None:
    path = drop(inbox, "holiday/beach.png")
    assert sidecar_writer(settings, inboxes_of(settings))(description_of(settled(path)), frozenset, set()) == []
    assert sorted(os.listdir(inbox / "holiday")) == ["beach.png", "beach.png.md", "beach.png.smolwatch.json"]


@pytest.mark.parametrize("folder", [".Trash-1000", "A.photoslibrary", "holiday/@eaDir"])
def test_nothing_is_written_into_a_folder_that_is_not_entered_and_the_reason_is_kept(
    settings: Settings, inbox: Path, folder: str
) -> None:
    """A job that was described there under other filters may still wait for its sidecars."""
    path = drop(inbox, f"{folder}/beach.png")
    kept = sidecar_writer(settings, inboxes_of(settings))(description_of(settled(path)), frozenset, set())
    assert [sidecar.path for sidecar in kept] == [path + b".smolwatch.json", path + b".md"]
    assert "such folders are not searched" in kept[0].reason
    assert os.listdir(inbox / folder) == ["beach.png"]
    assert not settings.sidecar_folder.exists()
