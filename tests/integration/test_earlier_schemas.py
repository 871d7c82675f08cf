"""A database of every earlier schema opens with all its jobs, and each of them knows its recipe."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from storage.db.database import open_database
from storage.description import RecipeFacts
from storage.jobs.store import JobStore
from storage.library import Library
from storage.lifecycle import JobState
from storage.migrations import Migrations
from storage.records import Admission, JobSpec
from tests.fakes.clock import FakeClock
from tests.support.checkout import ROOT
from tests.support.files import MODEL, SPEC, description_of, new_file
from tests.support.schemas import as_an_older_version

EARLIER = sorted(file.name[:4] for file in (ROOT / "storage" / "migrations" / "versions").glob("0*.py"))[:-1]
BRIEF = JobSpec(recipe="brief", recipe_digest="b")
PATHS = (b"/inbox/default.jpg", b"/inbox/brief.jpg", b"/inbox/waiting.jpg")


@pytest.fixture
def today(tmp_path: Path) -> Path:
    """A database with a file described by each of two recipes, the newer one brief, and a waiting file."""
    file = tmp_path / "today.db"
    with closing(open_database(file)) as database:
        store = JobStore(database, FakeClock().now)
        for path, spec in zip(PATHS, (SPEC, BRIEF, BRIEF), strict=True):
            new = new_file(path, path)
            store.admit(new, spec=spec, model=MODEL, max_attempts=3)
            if path != PATHS[-1]:
                claim = store.claim("w", lease_seconds=60.0)
                assert claim is not None
                facts = RecipeFacts(name=spec.recipe, version=1, digest=spec.recipe_digest)
                store.publish(claim, replace(description_of(new), recipe=facts))
                store.finish(claim)
    return file


@pytest.mark.parametrize("earlier", EARLIER)
def test_it_keeps_every_job_and_asks_nothing_again(today: Path, tmp_path: Path, earlier: str) -> None:
    file = tmp_path / "smolwatch.db"
    as_an_older_version(Path(shutil.move(today, tmp_path / "aside.db")), file, earlier)
    with closing(open_database(file, migrations=Migrations())) as database:
        library, store = Library(database), JobStore(database, FakeClock().now)
        jobs = {job.path: job for job in library.jobs()}
        assert [jobs[path].spec.recipe for path in PATHS] == ["default", "brief", "brief"]
        assert [jobs[path].state for path in PATHS] == [JobState.DONE, JobState.DONE, JobState.QUEUED]
        assert jobs[PATHS[0]].spec == SPEC
        assert store.follow_recipes(lambda _: BRIEF) == (earlier < "0006")  # its digest is unknown before
        assert library.job(jobs[PATHS[-1]].id).spec == BRIEF
        for path, spec in ((PATHS[0], SPEC), (PATHS[1], BRIEF), (PATHS[2], BRIEF)):
            again = store.admit(new_file(path, path), spec=spec, model=MODEL, max_attempts=3)
            assert again[0] is not Admission.QUEUED
