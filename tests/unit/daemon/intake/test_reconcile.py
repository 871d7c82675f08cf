"""The books against the inbox, with real files and a clock that the test moves."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from config.settings import Settings
from daemon.intake.orphans import GRACE
from daemon.intake.reconcile import REST_SECONDS, Reconciler
from daemon.intake.watched_inboxes import inboxes_of
from storage.library import Library
from storage.lifecycle import JobState
from storage.sidecars.names import is_sidecar_name
from tests.support.publishing_home import PublishingHome

SUFFIXES = (".md", ".smolwatch.json")


class ReconcilerHome(PublishingHome):
    def __init__(self, home: Path, **output: str) -> None:
        super().__init__(home)
        self.settings = with_output(self.settings, **output)
        self.root = os.fsencode(self.inbox)
        self.restart()

    def restart(self) -> None:
        (watched,) = inboxes_of(self.settings)
        self.reconciler = Reconciler(self.settings, watched, self.store, self.library, self.clock)

    def describe(self, *names: str) -> None:
        for name in names:
            (self.inbox / name).parent.mkdir(exist_ok=True, parents=True)
            self.drop(name, name.encode())
        for _ in names:
            self.work()

    def sweep(self, *, is_asked: bool = False) -> int:
        """What a whole sweep finds, handed over; how many were restored."""
        files = {os.fsencode(file) for file in self.inbox.rglob("*") if file.is_file()}
        own = {file for file in files if is_sidecar_name(os.path.basename(file))}
        return self.reconciler.swept(files - own, own, is_asked=is_asked)

    def names_freed(self, *names: str) -> None:
        self.reconciler.names_freed([self.path(name) for name in names])

    def path(self, name: str) -> bytes:
        return os.fsencode(self.inbox / name)

    def is_missing(self, name: str) -> bool:
        return self.job(self.path(name)).missing_since is not None

    def present(self, name: str) -> list[str]:
        """Which sidecars stand beside the file."""
        return [suffix for suffix in SUFFIXES if (self.inbox / (name + suffix)).exists()]


def with_output(settings: Settings, **output: str) -> Settings:
    return settings.model_copy(update={"output": settings.output.model_copy(update=output)})


@pytest.fixture
def home(tmp_path: Path) -> Iterator[ReconcilerHome]:
    home = ReconcilerHome(tmp_path / "home")
    yield home
    home.close()


@pytest.fixture
def removing_home(tmp_path: Path) -> Iterator[ReconcilerHome]:
    home = ReconcilerHome(tmp_path / "home", orphans="remove")
    yield home
    home.close()


class TestMissing:
    def test_a_sweep_marks_what_it_has_not_found(self, home: ReconcilerHome) -> None:
        home.describe("a.png", "b.png")
        (home.inbox / "a.png").unlink()
        home.sweep()
        assert (home.is_missing("a.png"), home.is_missing("b.png")) == (True, False)

    def test_a_reported_path_is_marked_at_once(self, home: ReconcilerHome) -> None:
        home.describe("a.png", "b.png")
        (home.inbox / "a.png").unlink()
        home.names_freed("a.png", "b.png", "never seen.png")
        assert (home.is_missing("a.png"), home.is_missing("b.png")) == (True, False)

    def test_a_file_that_was_replaced_before_the_event_was_handled_is_marked_too(self, home: ReconcilerHome) -> None:
        home.describe("a.png")
        (home.inbox / "a.png").unlink()
        (home.inbox / "a.png").write_bytes(b"another one")
        home.names_freed("a.png")
        assert home.is_missing("a.png")

    def test_a_file_that_appears_while_the_list_is_made_is_not_missing(self, home: ReconcilerHome) -> None:
        home.describe("a.png")
        home.reconciler.swept(set(), set())
        assert not home.is_missing("a.png")

    def test_while_the_inbox_is_missing_no_file_counts_as_missing(self, home: ReconcilerHome) -> None:
        home.describe("a.png")
        shutil.rmtree(home.inbox)
        home.reconciler.swept(set(), set())
        home.names_freed("a.png")
        assert not home.is_missing("a.png")

    def test_a_hundred_thousand_jobs_are_reconciled_quickly(
        self, home: ReconcilerHome, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is measured is ours alone: no file is looked at when nothing has changed."""
        many = [(number, b"/in/%d.png" % number, True) for number in range(100_000)]
        monkeypatch.setattr(Library, "ended", lambda self: many)
        present = {path for _, path, _ in many}
        names = {path + suffix.encode() for path in present for suffix in SUFFIXES}
        monkeypatch.setattr(os, "lstat", None)
        assert home.reconciler.swept(present, names) == 0


class TestOrphans:
    def test_sidecars_of_a_file_that_is_gone_are_counted_and_kept(self, home: ReconcilerHome) -> None:
        home.describe("a.png", "b.png")
        (home.inbox / "a.png").unlink()
        home.names_freed("a.png")
        assert home.reconciler.orphans == 1
        home.clock.advance(GRACE.total_seconds() * 2)
        home.sweep()
        assert (home.reconciler.orphans, home.present("a.png")) == (1, list(SUFFIXES))

    def test_orphans_that_the_user_removes_are_no_longer_counted(self, home: ReconcilerHome) -> None:
        home.describe("a.png")
        for name in ("a.png", "a.png.md", "a.png.smolwatch.json"):
            (home.inbox / name).unlink()
        home.sweep()
        assert home.reconciler.orphans == 0

    @pytest.mark.parametrize("is_gone", [False, True])
    def test_sidecars_in_the_mirror_count(self, home: ReconcilerHome, is_gone: bool) -> None:
        home.describe("a.png")
        for suffix in SUFFIXES:
            away = Path(f"{home.mirror}{home.inbox}/a.png{suffix}")
            away.parent.mkdir(parents=True, exist_ok=True)
            (home.inbox / f"a.png{suffix}").rename(away)
        if is_gone:
            (home.inbox / "a.png").unlink()
        assert home.sweep() == 0, "they stand there, so they are not missing"
        assert home.reconciler.orphans == int(is_gone)

    def test_a_file_that_disappears_before_its_sidecars_leave_the_mirror_is_an_orphan(
        self, home: ReconcilerHome
    ) -> None:
        home.describe("a.png")
        for suffix in SUFFIXES:
            away = Path(f"{home.mirror}{home.inbox}/a.png{suffix}")
            away.parent.mkdir(parents=True, exist_ok=True)
            (home.inbox / f"a.png{suffix}").rename(away)
        home.sweep()
        assert home.job(home.path("a.png")).state is JobState.PUBLISHING
        (home.inbox / "a.png").unlink()
        home.sweep()
        home.work()
        assert home.job(home.path("a.png")).state is JobState.DONE
        home.sweep()
        assert home.reconciler.orphans == 1

    def test_with_the_setting_remove_unedited_orphans_go_after_an_hour(self, removing_home: ReconcilerHome) -> None:
        home = removing_home
        home.describe("a.png", "b.png")
        (home.inbox / "a.png").unlink()
        home.sweep()
        home.clock.advance((GRACE - timedelta(seconds=1)).total_seconds())
        home.sweep()
        assert home.present("a.png") == list(SUFFIXES)
        home.clock.advance(1)
        home.sweep()
        assert (home.present("a.png"), home.present("b.png")) == ([], list(SUFFIXES))
        assert home.reconciler.orphans == 0
        assert home.description(home.path("a.png")).answers["caption"] == "A beach.", "the database keeps it"

    def test_edited_and_foreign_files_stay(self, removing_home: ReconcilerHome) -> None:
        home = removing_home
        home.describe("a.png", "b.png", "c.png")
        words = (home.inbox / "a.png.md").read_text().replace("A beach.", "Our beach.")
        (home.inbox / "a.png.md").write_text(words)
        (home.inbox / "b.png.md").write_text("my own notes")
        (home.inbox / "c.png.md").rename(home.inbox / "elsewhere")
        (home.inbox / "c.png.md").symlink_to(home.inbox / "elsewhere")
        for name in ("a.png", "b.png", "c.png"):
            (home.inbox / name).unlink()
        home.sweep()
        home.clock.advance(GRACE.total_seconds())
        home.sweep()
        assert [home.present(name) for name in ("a.png", "b.png", "c.png")] == [[".md"]] * 3
        assert (home.inbox / "a.png.md").read_text() == words
        assert (home.inbox / "elsewhere").exists()

    def test_sidecars_of_a_file_that_came_back_stay(self, removing_home: ReconcilerHome) -> None:
        home = removing_home
        home.describe("a.png")
        (home.inbox / "a.png").rename(home.inbox.parent / "a.png")
        home.sweep()
        (home.inbox.parent / "a.png").rename(home.inbox / "a.png")
        home.clock.advance(GRACE.total_seconds())
        home.sweep()
        assert home.present("a.png") == list(SUFFIXES)

    def test_orphans_in_the_mirror_are_removed_too(self, removing_home: ReconcilerHome) -> None:
        home = removing_home
        home.describe("a.png")
        away = Path(f"{home.mirror}{home.inbox}/a.png.md")
        away.parent.mkdir(parents=True)
        (home.inbox / "a.png.md").rename(away)
        (home.inbox / "a.png").unlink()
        home.sweep()
        home.clock.advance(GRACE.total_seconds())
        home.sweep()
        assert (home.present("a.png"), away.exists()) == ([], False)


class TestMissingSidecars:
    def test_they_are_written_again_with_the_same_text_and_without_the_model(self, home: ReconcilerHome) -> None:
        home.describe("a.png", "b.png")
        before = {suffix: (home.inbox / f"a.png{suffix}").read_bytes() for suffix in SUFFIXES}
        for suffix in SUFFIXES:
            (home.inbox / f"a.png{suffix}").unlink()
        assert home.sweep() == 1
        home.work("Something else.")
        assert {suffix: (home.inbox / f"a.png{suffix}").read_bytes() for suffix in SUFFIXES} == before
        assert home.story(home.path("a.png")).count("Described.") == 1

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_one_missing_sidecar_is_enough_and_the_users_text_in_the_other_stays(
        self, home: ReconcilerHome, suffix: str
    ) -> None:
        home.describe("a.png")
        (other,) = set(SUFFIXES) - {suffix}
        file = home.inbox / f"a.png{other}"
        file.write_text(file.read_text().replace("A beach.", "Our beach."))
        (home.inbox / f"a.png{suffix}").unlink()
        assert home.sweep() == 1
        home.work("Something else.")
        assert home.present("a.png") == list(SUFFIXES)
        assert "Our beach." in file.read_text()

    def test_nothing_is_restored_while_all_sidecars_exist(self, home: ReconcilerHome) -> None:
        home.describe("a.png", "b" * 251 + ".png")
        assert home.sweep() == 0

    def test_a_foreign_file_in_the_place_of_a_sidecar_is_not_missing(self, home: ReconcilerHome) -> None:
        home.describe("a.png")
        (home.inbox / "a.png.md").unlink()
        (home.inbox / "a.png.md").mkdir()
        home.reconciler.swept({home.path("a.png")}, {home.path("a.png.smolwatch.json")})
        assert home.job(home.path("a.png")).state is JobState.DONE

    def test_a_file_with_other_content_gets_no_old_description(self, home: ReconcilerHome) -> None:
        home.describe("a.png")
        (home.inbox / "a.png.md").unlink()
        (home.inbox / "a.png").write_bytes(b"other bytes")
        assert home.sweep() == 0

    def test_one_that_was_just_published_while_the_list_was_made_is_not_missing(self, home: ReconcilerHome) -> None:
        home.describe("a.png")
        assert home.reconciler.swept({home.path("a.png")}, set()) == 0

    def test_with_the_setting_leave_none_are_restored(self, tmp_path: Path) -> None:
        home = ReconcilerHome(tmp_path / "home", missing="leave")
        home.describe("a.png")
        (home.inbox / "a.png.md").unlink()
        assert home.sweep() == 0
        home.close()

    def test_beyond_the_maximum_they_wait_for_the_next_sweep(
        self, home: ReconcilerHome, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("daemon.intake.reconcile.MAX_RESTORED", 2)
        home.describe("a.png", "b.png", "c.png")
        for name in ("a.png", "b.png", "c.png"):
            (home.inbox / f"{name}.md").unlink()
        assert [home.sweep(), home.sweep(), home.sweep()] == [2, 1, 0]

    def test_repeated_removals_are_restored_once_an_hour_and_on_request(self, home: ReconcilerHome) -> None:
        home.describe("a.png")

        def removed_and_swept(*, is_asked: bool = False) -> int:
            (home.inbox / "a.png.md").unlink()
            restored = home.sweep(is_asked=is_asked)
            home.work()
            (home.inbox / "a.png.md").touch()
            home.clock.advance(60)
            return restored

        assert [removed_and_swept(), removed_and_swept(), removed_and_swept(is_asked=True)] == [1, 0, 1]
        home.clock.advance(REST_SECONDS)
        assert removed_and_swept() == 1

    def test_a_file_that_comes_back_after_its_sidecars_went_has_them_again(self, removing_home: ReconcilerHome) -> None:
        home = removing_home
        home.describe("a.png")
        (home.inbox / "a.png").rename(home.inbox.parent / "a.png")
        home.sweep()
        home.clock.advance(GRACE.total_seconds())
        home.sweep()
        assert home.present("a.png") == []
        (home.inbox.parent / "a.png").rename(home.inbox / "a.png")
        home.store.presence.mark_found([home.job(home.path("a.png")).id])
        home.reconciler.returned([home.path("a.png")])
        home.work("Something else.")
        assert home.present("a.png") == list(SUFFIXES)
        assert "A beach." in (home.inbox / "a.png.md").read_text()
