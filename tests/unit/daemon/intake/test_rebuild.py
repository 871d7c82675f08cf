from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from config.settings import Settings
from daemon.intake.rebuild import RebuildCounts, rebuild
from storage.description import Segment
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import JobState
from storage.sidecars import writer
from storage.sidecars.json_reader import SidecarContent
from tests.fakes.clock import START
from tests.support.files import MODEL, SPEC, by_recipe, description_of
from tests.unit.daemon.conftest import PNG, drop, settled


def rebuilt(settings: Settings, store: JobStore, library: Library) -> RebuildCounts:
    return list(rebuild(settings, store, library))[-1]


def describe(inbox: Path, *names: str) -> list[bytes]:
    """Files with their sidecars, of which no database knows."""
    paths = [drop(inbox, name, PNG + name.encode()) for name in names]
    for path in paths:
        writer.write(description_of(settled(path)))
    return paths


def test_descriptions_are_restored_from_sidecars_and_the_rest_is_counted(
    settings: Settings, store: JobStore, library: Library, inbox: Path
) -> None:
    paths = describe(inbox, "a.png", "trip/b.png")
    describe(inbox, "text.png", "damaged.png", "changed.png", "gone.png")
    (inbox / "text.png.smolwatch.json").unlink()
    (inbox / "damaged.png.smolwatch.json").write_text("{")
    (inbox / "changed.png").write_bytes(PNG + b"mountain")
    (inbox / "gone.png").unlink()
    drop(inbox, "new.png")
    drop(inbox, "notes.txt", b"hello")
    (inbox / "notes.txt.smolwatch.json").write_bytes((inbox / "a.png.smolwatch.json").read_bytes())
    store.admit(settled(drop(inbox, "known.png")), spec=SPEC, model=MODEL, max_attempts=3)
    counts = rebuilt(settings, store, library)
    assert (counts.taken, counts.known, counts.unreadable) == (2, 1, 1)
    assert counts.others == Counter(
        {SidecarContent.NO_RECORD: 1, SidecarContent.DAMAGED: 1, SidecarContent.OTHER_BYTES: 1, SidecarContent.NONE: 1}
    )
    for path in paths:
        job = library.job_at(path)
        assert job is not None
        assert (job.state, library.description(job.id)) == (JobState.DONE, description_of(settled(path)))


def test_a_home_inside_the_inbox_is_not_entered(
    settings: Settings, store: JobStore, library: Library, inbox: Path
) -> None:
    around = settings.model_copy(update={"inbox": settings.inbox.model_copy(update={"path": settings.home.parent})})
    describe(settings.home.parent.resolve(), "a.png")
    describe(settings.sidecar_folder.parent.resolve(), "own.png")
    assert rebuilt(around, store, library).taken == 1


def test_a_second_rebuild_restores_nothing_twice(
    settings: Settings, store: JobStore, library: Library, inbox: Path
) -> None:
    describe(inbox, "a.png")
    assert [rebuilt(settings, store, library).taken for _ in range(2)] == [1, 0]


def test_those_of_folders_that_cannot_be_written_come_back_from_the_mirror(
    settings: Settings, store: JobStore, library: Library, inbox: Path
) -> None:
    describe(inbox, "a.png")
    away = Path(f"{settings.sidecar_folder}{inbox}/a.png.smolwatch.json")
    away.parent.mkdir(parents=True)
    (inbox / "a.png.smolwatch.json").rename(away)
    assert rebuilt(settings, store, library).taken == 1


@pytest.mark.parametrize("batch", [1, 2])
def test_an_interrupted_rebuild_continues(
    settings: Settings, store: JobStore, library: Library, inbox: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr("daemon.intake.rebuild.BATCH", batch)
    describe(inbox, "a.png", "b.png", "c.png")
    next(iter(rebuild(settings, store, library)))
    counts = rebuilt(settings, store, library)
    assert (counts.known, counts.taken) == (batch, 3 - batch)


def test_a_video_comes_back_with_its_timeline(
    settings: Settings, store: JobStore, library: Library, inbox: Path
) -> None:
    (path,) = describe(inbox, "a.png")
    description = replace(description_of(settled(path)), timeline=(Segment(start=0.0, end=1.5, text="Waves."),))
    writer.write(description)
    rebuilt(settings, store, library)
    job = library.job_at(path)
    assert job is not None
    assert library.description(job.id) == description


def test_a_file_comes_back_with_the_descriptions_of_all_its_recipes(
    settings: Settings, store: JobStore, library: Library, inbox: Path
) -> None:
    """Its newest job is about the newest of them."""
    path = drop(inbox, "a.png")
    first = description_of(settled(path), described_at=START + timedelta(hours=1))
    second = by_recipe(replace(first, described_at=START), "alt-text")
    for description in (first, second):
        writer.write(description)
    counts = rebuilt(settings, store, library)
    assert (counts.taken, counts.others) == (1, Counter())
    newest = library.job_at(path)
    assert newest is not None
    assert [library.description(newest.id - 1), library.description(newest.id)] == [second, first]
    assert [job.state for job in library.jobs(limit=10)] == [JobState.DONE, JobState.DONE]


def test_a_link_is_not_followed(settings: Settings, store: JobStore, library: Library, inbox: Path) -> None:
    describe(inbox, "a.png")
    (inbox / "a.png").rename(inbox.parent / "a.png")
    (inbox / "a.png").symlink_to(inbox.parent / "a.png")
    assert list(rebuild(settings, store, library)) == []
