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
from storage.library import Library
from storage.lifecycle import JobState
from storage.sidecars.names import is_sidecar_name
from tests.support.publishing_home import PublishingHouse

SUFFIXES = (".md", ".smolwatch.json")


class House(PublishingHouse):
    def __init__(self, home: Path, **output: str) -> None:
        super().__init__(home)
        self.settings = with_output(self.settings, **output)
        self.root = os.fsencode(self.inbox)
        self.restart()

    def restart(self) -> None:
        self.reconciler = Reconciler(self.settings, self.root, self.store, self.library, self.clock)

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
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "home")
    yield house
    house.close()


@pytest.fixture
def house_removes(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "home", orphans="remove")
    yield house
    house.close()


class TestMissing:
    def test_a_sweep_marks_what_it_has_not_found(self, house: House) -> None:
        house.describe("a.png", "b.png")
        (house.inbox / "a.png").unlink()
        house.sweep()
        assert (house.is_missing("a.png"), house.is_missing("b.png")) == (True, False)

    def test_a_reported_path_is_marked_at_once(self, house: House) -> None:
        house.describe("a.png", "b.png")
        (house.inbox / "a.png").unlink()
        house.names_freed("a.png", "b.png", "never seen.png")
        assert (house.is_missing("a.png"), house.is_missing("b.png")) == (True, False)

    def test_a_file_that_was_replaced_before_the_event_was_handled_is_marked_too(self, house: House) -> None:
        house.describe("a.png")
        (house.inbox / "a.png").unlink()
        (house.inbox / "a.png").write_bytes(b"another one")
        house.names_freed("a.png")
        assert house.is_missing("a.png")

    def test_a_file_that_appears_while_the_list_is_made_is_not_missing(self, house: House) -> None:
        house.describe("a.png")
        house.reconciler.swept(set(), set())
        assert not house.is_missing("a.png")

    def test_while_the_inbox_is_missing_no_file_counts_as_missing(self, house: House) -> None:
        house.describe("a.png")
        shutil.rmtree(house.inbox)
        house.reconciler.swept(set(), set())
        house.names_freed("a.png")
        assert not house.is_missing("a.png")

    def test_a_hundred_thousand_jobs_are_reconciled_quickly(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is measured is ours alone: no file is looked at when nothing has changed."""
        many = [(number, b"/in/%d.png" % number, True) for number in range(100_000)]
        monkeypatch.setattr(Library, "ended", lambda self: many)
        present = {path for _, path, _ in many}
        names = {path + suffix.encode() for path in present for suffix in SUFFIXES}
        monkeypatch.setattr(os, "lstat", None)
        assert house.reconciler.swept(present, names) == 0


class TestOrphans:
    def test_sidecars_of_a_file_that_is_gone_are_counted_and_kept(self, house: House) -> None:
        house.describe("a.png", "b.png")
        (house.inbox / "a.png").unlink()
        house.names_freed("a.png")
        assert house.reconciler.orphans == 1
        house.clock.advance(GRACE.total_seconds() * 2)
        house.sweep()
        assert (house.reconciler.orphans, house.present("a.png")) == (1, list(SUFFIXES))

    def test_orphans_that_the_user_removes_are_no_longer_counted(self, house: House) -> None:
        house.describe("a.png")
        for name in ("a.png", "a.png.md", "a.png.smolwatch.json"):
            (house.inbox / name).unlink()
        house.sweep()
        assert house.reconciler.orphans == 0

    @pytest.mark.parametrize("is_gone", [False, True])
    def test_sidecars_in_the_mirror_count(self, house: House, is_gone: bool) -> None:
        house.describe("a.png")
        for suffix in SUFFIXES:
            away = Path(f"{house.mirror}{house.inbox}/a.png{suffix}")
            away.parent.mkdir(parents=True, exist_ok=True)
            (house.inbox / f"a.png{suffix}").rename(away)
        if is_gone:
            (house.inbox / "a.png").unlink()
        assert house.sweep() == 0, "they stand there, so they are not missing"
        assert house.reconciler.orphans == int(is_gone)

    def test_a_file_that_disappears_before_its_sidecars_leave_the_mirror_is_an_orphan(self, house: House) -> None:
        house.describe("a.png")
        for suffix in SUFFIXES:
            away = Path(f"{house.mirror}{house.inbox}/a.png{suffix}")
            away.parent.mkdir(parents=True, exist_ok=True)
            (house.inbox / f"a.png{suffix}").rename(away)
        house.sweep()
        assert house.job(house.path("a.png")).state is JobState.PUBLISHING
        (house.inbox / "a.png").unlink()
        house.sweep()
        house.work()
        assert house.job(house.path("a.png")).state is JobState.DONE
        house.sweep()
        assert house.reconciler.orphans == 1

    def test_with_the_setting_remove_unedited_orphans_go_after_an_hour(self, house_removes: House) -> None:
        house = house_removes
        house.describe("a.png", "b.png")
        (house.inbox / "a.png").unlink()
        house.sweep()
        house.clock.advance((GRACE - timedelta(seconds=1)).total_seconds())
        house.sweep()
        assert house.present("a.png") == list(SUFFIXES)
        house.clock.advance(1)
        house.sweep()
        assert (house.present("a.png"), house.present("b.png")) == ([], list(SUFFIXES))
        assert house.reconciler.orphans == 0
        assert house.description(house.path("a.png")).answers["caption"] == "A beach.", "the database keeps it"

    def test_edited_and_foreign_files_stay(self, house_removes: House) -> None:
        house = house_removes
        house.describe("a.png", "b.png", "c.png")
        words = (house.inbox / "a.png.md").read_text().replace("A beach.", "Our beach.")
        (house.inbox / "a.png.md").write_text(words)
        (house.inbox / "b.png.md").write_text("my own notes")
        (house.inbox / "c.png.md").rename(house.inbox / "elsewhere")
        (house.inbox / "c.png.md").symlink_to(house.inbox / "elsewhere")
        for name in ("a.png", "b.png", "c.png"):
            (house.inbox / name).unlink()
        house.sweep()
        house.clock.advance(GRACE.total_seconds())
        house.sweep()
        assert [house.present(name) for name in ("a.png", "b.png", "c.png")] == [[".md"]] * 3
        assert (house.inbox / "a.png.md").read_text() == words
        assert (house.inbox / "elsewhere").exists()

    def test_sidecars_of_a_file_that_came_back_stay(self, house_removes: House) -> None:
        house = house_removes
        house.describe("a.png")
        (house.inbox / "a.png").rename(house.inbox.parent / "a.png")
        house.sweep()
        (house.inbox.parent / "a.png").rename(house.inbox / "a.png")
        house.clock.advance(GRACE.total_seconds())
        house.sweep()
        assert house.present("a.png") == list(SUFFIXES)

    def test_orphans_in_the_mirror_are_removed_too(self, house_removes: House) -> None:
        house = house_removes
        house.describe("a.png")
        away = Path(f"{house.mirror}{house.inbox}/a.png.md")
        away.parent.mkdir(parents=True)
        (house.inbox / "a.png.md").rename(away)
        (house.inbox / "a.png").unlink()
        house.sweep()
        house.clock.advance(GRACE.total_seconds())
        house.sweep()
        assert (house.present("a.png"), away.exists()) == ([], False)


class TestMissingSidecars:
    def test_they_are_written_again_with_the_same_text_and_without_the_model(self, house: House) -> None:
        house.describe("a.png", "b.png")
        before = {suffix: (house.inbox / f"a.png{suffix}").read_bytes() for suffix in SUFFIXES}
        for suffix in SUFFIXES:
            (house.inbox / f"a.png{suffix}").unlink()
        assert house.sweep() == 1
        house.work("Something else.")
        assert {suffix: (house.inbox / f"a.png{suffix}").read_bytes() for suffix in SUFFIXES} == before
        assert house.story(house.path("a.png")).count("Described.") == 1

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_one_missing_sidecar_is_enough_and_the_users_text_in_the_other_stays(
        self, house: House, suffix: str
    ) -> None:
        house.describe("a.png")
        (other,) = set(SUFFIXES) - {suffix}
        file = house.inbox / f"a.png{other}"
        file.write_text(file.read_text().replace("A beach.", "Our beach."))
        (house.inbox / f"a.png{suffix}").unlink()
        assert house.sweep() == 1
        house.work("Something else.")
        assert house.present("a.png") == list(SUFFIXES)
        assert "Our beach." in file.read_text()

    def test_nothing_is_restored_while_all_sidecars_exist(self, house: House) -> None:
        house.describe("a.png", "b" * 251 + ".png")
        assert house.sweep() == 0

    def test_a_foreign_file_in_the_place_of_a_sidecar_is_not_missing(self, house: House) -> None:
        house.describe("a.png")
        (house.inbox / "a.png.md").unlink()
        (house.inbox / "a.png.md").mkdir()
        house.reconciler.swept({house.path("a.png")}, {house.path("a.png.smolwatch.json")})
        assert house.job(house.path("a.png")).state is JobState.DONE

    def test_a_file_with_other_content_gets_no_old_description(self, house: House) -> None:
        house.describe("a.png")
        (house.inbox / "a.png.md").unlink()
        (house.inbox / "a.png").write_bytes(b"other bytes")
        assert house.sweep() == 0

    def test_one_that_was_just_published_while_the_list_was_made_is_not_missing(self, house: House) -> None:
        house.describe("a.png")
        assert house.reconciler.swept({house.path("a.png")}, set()) == 0

    def test_with_the_setting_leave_none_are_restored(self, tmp_path: Path) -> None:
        house = House(tmp_path / "home", missing="leave")
        house.describe("a.png")
        (house.inbox / "a.png.md").unlink()
        assert house.sweep() == 0
        house.close()

    def test_beyond_the_maximum_they_wait_for_the_next_sweep(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("daemon.intake.reconcile.MAX_RESTORED", 2)
        house.describe("a.png", "b.png", "c.png")
        for name in ("a.png", "b.png", "c.png"):
            (house.inbox / f"{name}.md").unlink()
        assert [house.sweep(), house.sweep(), house.sweep()] == [2, 1, 0]

    def test_repeated_removals_are_restored_once_an_hour_and_on_request(self, house: House) -> None:
        house.describe("a.png")

        def removed_and_swept(*, is_asked: bool = False) -> int:
            (house.inbox / "a.png.md").unlink()
            restored = house.sweep(is_asked=is_asked)
            house.work()
            (house.inbox / "a.png.md").touch()
            house.clock.advance(60)
            return restored

        assert [removed_and_swept(), removed_and_swept(), removed_and_swept(is_asked=True)] == [1, 0, 1]
        house.clock.advance(REST_SECONDS)
        assert removed_and_swept() == 1

    def test_a_file_that_comes_back_after_its_sidecars_went_has_them_again(self, house_removes: House) -> None:
        house = house_removes
        house.describe("a.png")
        (house.inbox / "a.png").rename(house.inbox.parent / "a.png")
        house.sweep()
        house.clock.advance(GRACE.total_seconds())
        house.sweep()
        assert house.present("a.png") == []
        (house.inbox.parent / "a.png").rename(house.inbox / "a.png")
        house.store.presence.mark_found([house.job(house.path("a.png")).id])
        house.reconciler.returned([house.path("a.png")])
        house.work("Something else.")
        assert house.present("a.png") == list(SUFFIXES)
        assert "A beach." in (house.inbox / "a.png.md").read_text()
