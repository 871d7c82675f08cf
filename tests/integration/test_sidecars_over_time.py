"""Files that go away and come back, sidecars that are lost, databases that are lost, and names that are used again.

Real folders, and the real daemon with the echo engine, which says of a picture how large it is.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cli.daemon_commands import rescan
from config.failpoints import VARIABLE
from daemon.intake.birth_time import birth_of
from storage.lifecycle import JobState
from tests.faults.test_fault_31_killed_at_every_step import die_once
from tests.support.checkout import ROOT
from tests.support.lost_database import describe_many
from tests.support.postgres import common_server
from tests.support.processes import DaemonHome
from tests.support.running_jobs import draw
from tests.support.waiting import wait_for

GRANDMA = "Grandma at the beach, 1974."
SUFFIXES = (".md", ".smolwatch.json")
DONE = JobState.DONE


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    home = DaemonHome(tmp_path / "home")
    yield home
    home.close()


def described(home: DaemonHome, *names: str) -> None:
    """Pictures of 40 by 30 pixels, which are then described; a daemon runs."""
    for name in names:
        draw(home.inbox / name, size=(40, 30))
    wait_for(lambda: all(home.states().get(Path(name).name) is DONE for name in names), 40)


def end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0


def command(home: DaemonHome, *arguments: str) -> tuple[int, str]:
    call = "from cli.main import main; raise SystemExit(main())"
    done = subprocess.run(
        [sys.executable, "-c", call, *arguments],
        cwd=ROOT,
        env=home.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode in (0, 4), done.stderr
    return done.returncode, done.stdout


def status(home: DaemonHome) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(command(home, "status", "--json")[1])
    return document


def write_caption(home: DaemonHome, name: str, words: str = GRANDMA) -> None:
    """A person replaces the caption in both sidecars."""
    text, record = (home.inbox / (name + suffix) for suffix in SUFFIXES)
    text.write_text(re.sub(r"(?<=## Caption\n\n).*", words, text.read_text()))
    whole = json.loads(record.read_text())
    whole["answers"]["caption"] = words
    record.write_text(json.dumps(whole))
    assert caption(home, name) == words


def caption(home: DaemonHome, name: str) -> str:
    """What stands below "Caption" in the text for people."""
    text = (home.inbox / f"{name}.md").read_text()
    return text.split("## Caption\n")[1].split("\n## ")[0].strip()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def sidecars_of(home: DaemonHome, name: str) -> dict[str, bytes]:
    return {key: value for key, value in contents(home.inbox).items() if key.startswith(f"{name}.")}


def times(home: DaemonHome, note: str) -> int:
    """In how many events it is noted."""
    with home.reading() as library:
        jobs = library.jobs(limit=100_000)
        return sum(event.note.startswith(note) for job in jobs for event in library.events(job.id))


class TestGone:
    def test_a_deleted_file_is_shown_as_gone_and_has_its_description_again_when_it_is_back(
        self, home: DaemonHome, tmp_path: Path
    ) -> None:
        home.start_and_wait()
        described(home, "a.png", "b.png")
        write_caption(home, "a.png")
        before = sidecars_of(home, "a.png")
        (home.inbox / "a.png").rename(tmp_path / "a.png")
        wait_for(lambda: home.jobs()["a.png"].missing_since)
        wait_for(lambda: status(home)["sidecars"]["orphans"] == 1)
        assert "1 described file is gone, but its sidecars are still there" in command(home, "status")[1]
        path = str(home.inbox / "a.png")
        assert "It is gone; its description is kept" in command(home, "why", path)[1]
        assert "Gone since" in command(home, "show", path)[1]
        assert command(home, "ls")[1].count("Gone since") == 1
        assert sidecars_of(home, "a.png") == before
        (tmp_path / "a.png").rename(home.inbox / "a.png")
        wait_for(lambda: home.jobs()["a.png"].missing_since is None)
        wait_for(lambda: status(home)["sidecars"]["orphans"] == 0)
        assert sidecars_of(home, "a.png") == before
        assert times(home, "Described.") == 2

    def test_what_went_away_while_no_daemon_ran_is_found_at_the_next_start(self, home: DaemonHome) -> None:
        daemon = home.start_and_wait()
        described(home, "a.png", "trip.png")
        end(daemon)
        (home.inbox / "a.png").unlink()
        assert home.start("--once").wait(timeout=40) == 0
        assert {name: job.missing_since is not None for name, job in home.jobs().items()} == {
            "a.png": True,
            "trip.png": False,
        }

    def test_with_the_setting_ours_are_removed_after_a_while_and_a_users_text_is_not(self, tmp_path: Path) -> None:
        home = DaemonHome(tmp_path / "home", {"SMOLWATCH_OUTPUT__ORPHANS": "remove"})
        try:
            daemon = home.start_and_wait()
            described(home, "a.png", "b.png", "c.png")
            write_caption(home, "b.png")
            kept = sidecars_of(home, "b.png")
            (home.inbox / "a.png").unlink()
            (home.inbox / "b.png").unlink()
            wait_for(lambda: home.jobs()["b.png"].missing_since and home.jobs()["a.png"].missing_since)
            rescan(home.settings, compare=False)
            assert len(sidecars_of(home, "a.png")) == 2
            end(daemon)
            let_time_pass(home, 3700)
            daemon = home.start_and_wait()
            wait_for(lambda: not sidecars_of(home, "a.png"))
            assert sidecars_of(home, "b.png") == kept
            assert len(sidecars_of(home, "c.png")) == 2
            wait_for(lambda: status(home)["sidecars"]["orphans"] == 1)
        finally:
            home.close()

    def test_an_unreadable_folder_has_lost_nothing(self, home: DaemonHome) -> None:
        if os.geteuid() == 0:
            pytest.skip("root may read everything")
        home.start_and_wait()
        (home.inbox / "trip").mkdir()
        described(home, "trip/a.png")
        (home.inbox / "trip").chmod(0)
        try:
            rescan(home.settings, compare=False)
            assert home.jobs()["a.png"].missing_since is None
        finally:
            (home.inbox / "trip").chmod(0o700)


def let_time_pass(home: DaemonHome, seconds: float) -> None:
    """The files went away earlier than they did."""
    with closing(sqlite3.connect(home.settings.database_file)) as database, database:
        database.execute("UPDATE jobs SET missing_since = missing_since - ?", [seconds])


class TestSidecarsRemoved:
    def test_a_rescan_brings_them_back_without_the_model(self, home: DaemonHome) -> None:
        home.start_and_wait()
        described(home, "a.png", "b.png", "c.png")
        before = contents(home.inbox)
        for name in ("a.png.md", "a.png.smolwatch.json", "b.png.md"):
            (home.inbox / name).unlink()
        assert rescan(home.settings, compare=False)["restored"] == 2
        wait_for(lambda: contents(home.inbox) == before)
        wait_for(lambda: set(home.states().values()) == {DONE})
        assert times(home, "Described.") == 3
        assert times(home, "Its sidecars are missing") == 2

    def test_so_does_the_next_start_however_often_it_is_killed_on_the_way(self, home: DaemonHome) -> None:
        daemon = home.start_and_wait()
        described(home, "a.png", "b.png")
        end(daemon)
        before = contents(home.inbox)
        for name in ("a.png.md", "b.png.smolwatch.json"):
            (home.inbox / name).unlink()
        for place in ("restoring", "temporary-written", "sidecar-named"):
            home.environ[VARIABLE] = place
            dies(home)
        del home.environ[VARIABLE]
        assert home.start("--once").wait(timeout=40) == 0
        assert contents(home.inbox) == before
        assert times(home, "Described.") == 2

    def test_a_person_who_wants_none_says_so(self, tmp_path: Path) -> None:
        home = DaemonHome(tmp_path / "home", {"SMOLWATCH_OUTPUT__MISSING": "leave"})
        try:
            home.start_and_wait()
            described(home, "a.png")
            (home.inbox / "a.png.md").unlink()
            assert rescan(home.settings, compare=False)["restored"] == 0
            assert home.states() == {"a.png": DONE}
        finally:
            home.close()


def dies(home: DaemonHome) -> None:
    """The daemon or its worker kills itself at the place that is set; then all of it dies."""
    die_once(home.start())


class TestDatabaseLost:
    def lose_database(self, home: DaemonHome) -> None:
        for file in home.settings.database_file.parent.glob("smolwatch.db*"):
            file.unlink()

    def a_described_inbox(self, home: DaemonHome) -> dict[str, bytes]:
        """Twelve pictures, in two of which a person wrote; the database is lost. What stands in the inbox."""
        daemon = home.start_and_wait()
        (home.inbox / "trip").mkdir()
        described(home, *(f"{number}.png" for number in range(10)), "trip/x.png", "trip/y.png")
        write_caption(home, "3.png")
        with (home.inbox / "4.png.md").open("a") as file:
            file.write("\n## Place\n\nSylt\n")
        end(daemon)
        self.lose_database(home)
        return contents(home.inbox)

    def test_everything_comes_back_without_a_call_of_the_model(self, home: DaemonHome) -> None:
        before = self.a_described_inbox(home)
        assert home.start("--once").wait(timeout=40) == 0
        assert home.states() == {Path(name).name: DONE for name in before if name.endswith(".png")}
        assert contents(home.inbox) == before, "not a byte of a sidecar is changed"
        assert times(home, "Claimed") == 0
        assert home.logged("Restored ") >= 1
        with home.reading() as library:
            for job in home.jobs().values():
                description = library.description(job.id)
                assert description is not None
                # Where both sidecars hold a person's words alone, there are no others.
                assert description.answers["caption"] == (GRANDMA if job.name == "3.png" else "A picture of 40x30.")

    def test_they_come_back_into_a_database_of_postgresql_as_well(self, home: DaemonHome) -> None:
        before = self.a_described_inbox(home)
        with common_server().new_database("empty") as address:
            elsewhere = DaemonHome(home.settings.home, {"SMOLWATCH_DATABASE__URL": address})
            assert elsewhere.start("--once").wait(timeout=40) == 0
            assert set(elsewhere.states().values()) == {DONE}
            assert (len(elsewhere.jobs()), times(elsewhere, "Claimed")) == (12, 0)
            elsewhere.close()
        assert contents(home.inbox) == before

    def test_killed_on_the_way_the_next_start_goes_on(self, home: DaemonHome) -> None:
        before = self.a_described_inbox(home)
        for place in ("taking-back", "taken-back"):
            home.environ[VARIABLE] = place
            assert home.start().wait(timeout=40) == -signal.SIGKILL
        del home.environ[VARIABLE]
        assert home.start("--once").wait(timeout=40) == 0
        assert len(home.jobs()) == 12
        assert (contents(home.inbox), times(home, "Claimed")) == (before, 0)

    def test_a_command_does_the_same_and_reports_what_cannot_be_taken_back(self, home: DaemonHome) -> None:
        self.a_described_inbox(home)
        (home.inbox / "0.png.smolwatch.json").unlink()
        (home.inbox / "1.png.smolwatch.json").write_text('{"schema": 1, "smolwatch"')
        draw(home.inbox / "2.png", "blue", (50, 30))
        draw(home.inbox / "new.png", "green", (60, 30))
        document = json.loads(command(home, "db", "rebuild", "--json")[1])
        assert document == {
            "taken_back": 9,
            "known": 0,
            "not_taken_back": {"no record": 1, "damaged": 1, "other bytes": 1, "none": 1},
        }
        assert "Already in the database: 9 files." in command(home, "db", "rebuild")[1]
        assert home.start("--once").wait(timeout=40) == 0
        assert times(home, "Claimed") == 4
        assert caption(home, "2.png") == "A picture of 50x30."
        assert caption(home, "3.png") == GRANDMA

    def test_a_command_that_is_killed_goes_on_when_it_is_repeated(self, home: DaemonHome) -> None:
        before = self.a_described_inbox(home)
        for place in ("taking-back", "rebuilt"):
            killed = {**home.environ, VARIABLE: place}
            call = [sys.executable, "-c", "from cli.main import main; main()", "db", "rebuild"]
            done = subprocess.run(call, cwd=ROOT, env=killed, capture_output=True, check=False, timeout=50)
            assert done.returncode == -signal.SIGKILL
        assert json.loads(command(home, "db", "rebuild", "--json")[1])["known"] == 12
        assert contents(home.inbox) == before

    def test_a_description_of_other_bytes_is_not_shown_for_the_file_that_is_there_now(self, home: DaemonHome) -> None:
        self.a_described_inbox(home)
        draw(home.inbox / "3.png", "blue", (50, 30))
        assert home.start("--once").wait(timeout=40) == 0
        assert caption(home, "3.png") == "A picture of 50x30."
        assert GRANDMA in only(home, "3.png.earlier-*.md").read_text()


def only(home: DaemonHome, glob: str) -> Path:
    (found,) = home.inbox.glob(glob)
    return found


def other_picture(file: Path) -> Path:
    """Another picture, 80 by 60 pixels, somewhere else."""
    return draw(file, "blue", (80, 60))


def overwrite(picture: Path, elsewhere: Path) -> None:
    picture.write_bytes(other_picture(elsewhere).read_bytes())


def rename_over(picture: Path, elsewhere: Path) -> None:
    other_picture(elsewhere).rename(picture)


def save_by_temporary(picture: Path, elsewhere: Path) -> None:
    new = picture.with_name(f"{picture.name}.tmp")
    new.write_bytes(other_picture(elsewhere).read_bytes())
    new.rename(picture)


def save_and_keep_the_old(picture: Path, elsewhere: Path) -> None:
    """As exiftool does, and editors that make a backup."""
    new = picture.with_name(f"{picture.name}.tmp")
    new.write_bytes(other_picture(elsewhere).read_bytes())
    picture.rename(picture.with_name(f"{picture.name}.part"))
    new.rename(picture)


def delete_and_create(picture: Path, elsewhere: Path) -> None:
    content = other_picture(elsewhere).read_bytes()
    picture.unlink()
    picture.write_bytes(content)


def delete_and_move_in(picture: Path, elsewhere: Path) -> None:
    other_picture(elsewhere)
    picture.unlink()
    elsewhere.rename(picture)


def move_out_and_move_in(picture: Path, elsewhere: Path) -> None:
    other_picture(elsewhere)
    picture.rename(elsewhere.with_name("moved out.png"))
    elsewhere.rename(picture)


def put_aside_and_move_in(picture: Path, elsewhere: Path) -> None:
    """The old picture is put where it is not taken, but not beside the new one."""
    other_picture(elsewhere)
    (picture.parent / ".git").mkdir(exist_ok=True)
    picture.rename(picture.parent / ".git" / picture.name)
    elsewhere.rename(picture)


def exchange_the_folder(picture: Path, elsewhere: Path) -> None:
    """A card's folder goes, and another card's with the same names comes."""
    elsewhere.mkdir()
    other_picture(elsewhere / picture.name)
    picture.parent.rename(elsewhere.with_name(f"old {picture.parent.name}"))
    elsewhere.rename(picture.parent)


Change = Callable[[Path, Path], None]
IN_PLACE: tuple[Change, ...] = (overwrite, rename_over, save_by_temporary, save_and_keep_the_old)
ANOTHER: tuple[Change, ...] = (
    delete_and_create,
    delete_and_move_in,
    move_out_and_move_in,
    put_aside_and_move_in,
    exchange_the_folder,
)


class TestANameThatIsUsedAgain:
    """Each way has a folder of its own, with IMG_1.png, under which a person wrote."""

    def names(self) -> dict[str, Change]:
        return {f"{change.__name__}/IMG_1.png": change for change in (*IN_PLACE, *ANOTHER)}

    def a_described_album(self, home: DaemonHome) -> subprocess.Popen[str]:
        daemon = home.start_and_wait()
        for name in self.names():
            (home.inbox / name).parent.mkdir()
            draw(home.inbox / name, size=(40, 30))
        wait_for(lambda: self.captions(home) == dict.fromkeys(self.names(), "A picture of 40x30."), 40)
        wait_for(lambda: all(job.state is DONE for job in self.jobs(home)))
        for name in self.names():
            write_caption(home, name)
        return daemon

    def jobs(self, home: DaemonHome) -> list[Any]:
        with home.reading() as library:
            return library.jobs(limit=1000)

    def captions(self, home: DaemonHome) -> Mapping[str, str]:
        return {name: caption(home, name) for name in self.names() if (home.inbox / f"{name}.md").exists()}

    def wait_until_all_is_described_anew(self, home: DaemonHome) -> None:
        def is_over() -> bool:
            jobs = self.jobs(home)
            return len(jobs) == 2 * len(self.names()) and all(job.state is DONE for job in jobs)

        wait_for(is_over, 40)

    def check_changed_in_place(self, home: DaemonHome, name: str) -> None:
        text = (home.inbox / f"{name}.md").read_text()
        assert caption(home, name) == GRANDMA
        assert "## Since your words were written" in text
        assert "- Caption: A picture of 80x60." in text
        record = json.loads((home.inbox / f"{name}.smolwatch.json").read_text())
        assert record["answers"]["caption"] == GRANDMA
        assert record["model_answers"] == {"caption": "A picture of 80x60."}
        assert record["words_about"]["answers/caption"]["digest"] != record["file"]["digest"]
        assert not list((home.inbox / name).parent.glob("*.earlier-*"))

    def check_apart(self, home: DaemonHome, name: str) -> None:
        assert caption(home, name) == "A picture of 80x60."
        for suffix in SUFFIXES:
            assert GRANDMA not in (home.inbox / (name + suffix)).read_text()
        if name.startswith(exchange_the_folder.__name__):
            return  # what stood in the old folder went with it
        for suffix in SUFFIXES:
            (kept,) = (home.inbox / name).parent.glob(f"IMG_1.png.earlier-*{suffix}")
            assert GRANDMA in kept.read_text()

    def test_while_the_daemon_watches(self, home: DaemonHome, tmp_path: Path) -> None:
        self.a_described_album(home)
        for number, (name, change) in enumerate(self.names().items()):
            change(home.inbox / name, tmp_path / f"elsewhere {number}.png")
        self.wait_until_all_is_described_anew(home)
        for name, change in self.names().items():
            (self.check_changed_in_place if change in IN_PLACE else self.check_apart)(home, name)

    def test_while_no_daemon_runs_only_what_was_written_into_the_file_is_known_to_be_the_same(
        self, home: DaemonHome, tmp_path: Path
    ) -> None:
        daemon = self.a_described_album(home)
        if birth_of(os.fsencode(home.inbox)) is None:
            pytest.skip("this disk knows no time of birth")
        end(daemon)
        for number, (name, change) in enumerate(self.names().items()):
            change(home.inbox / name, tmp_path / f"elsewhere {number}.png")
        assert home.start("--once").wait(timeout=40) == 0
        for name, change in self.names().items():
            (self.check_changed_in_place if change is overwrite else self.check_apart)(home, name)

    def test_a_camera_that_counts_from_the_start_again(self, home: DaemonHome, tmp_path: Path) -> None:
        """The story: a picture is deleted, and days later another one comes under its name."""
        home.start_and_wait()
        described(home, "IMG_1.png")
        write_caption(home, "IMG_1.png")
        kept = (home.inbox / "IMG_1.png.md").read_bytes()
        (home.inbox / "IMG_1.png").unlink()
        wait_for(lambda: home.jobs()["IMG_1.png"].missing_since)
        other_picture(tmp_path / "new.png").rename(home.inbox / "IMG_1.png")
        wait_for(lambda: [job.state for job in self.jobs(home)] == [DONE, DONE], 30)
        assert caption(home, "IMG_1.png") == "A picture of 80x60."
        assert only(home, "IMG_1.png.earlier-*.md").read_bytes() == kept
        assert home.notes(home.jobs()["IMG_1.png"])[0] == (
            "Admitted: a different file than the one described under this name before."
        )
        assert GRANDMA not in command(home, "show", str(home.inbox / "IMG_1.png"))[1]

    def test_a_picture_that_cannot_be_described_is_not_shown_the_old_words_either(
        self, home: DaemonHome, tmp_path: Path
    ) -> None:
        home.start_and_wait()
        described(home, "IMG_1.png")
        write_caption(home, "IMG_1.png")
        half = other_picture(tmp_path / "half.png").read_bytes()[:100]
        (home.inbox / "IMG_1.png").unlink()
        (home.inbox / "IMG_1.png").write_bytes(half)
        wait_for(lambda: not (home.inbox / "IMG_1.png.md").exists())
        assert GRANDMA in only(home, "IMG_1.png.earlier-*.md").read_text()

    def test_killed_between_the_old_words_and_the_new_ones_nothing_is_lost_or_doubled(
        self, home: DaemonHome, tmp_path: Path
    ) -> None:
        daemon = home.start_and_wait()
        described(home, "IMG_1.png")
        write_caption(home, "IMG_1.png")
        end(daemon)
        delete_and_create(home.inbox / "IMG_1.png", tmp_path / "elsewhere.png")
        for place in ("set-apart", "set-apart:2", "sidecar-standing:2"):
            home.environ[VARIABLE] = place
            dies(home)
            assert any(GRANDMA in file.read_text() for file in home.inbox.glob("*.md"))
        del home.environ[VARIABLE]
        assert home.start("--once").wait(timeout=40) == 0
        assert caption(home, "IMG_1.png") == "A picture of 80x60."
        assert GRANDMA in only(home, "IMG_1.png.earlier-*.md").read_text()
        assert GRANDMA in only(home, "IMG_1.png.earlier-*.json").read_text()
        assert len(list(home.inbox.iterdir())) == 5


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_five_thousand_descriptions_come_back_without_one_call_of_the_model(tmp_path: Path) -> None:
    home = DaemonHome(tmp_path / "home")
    try:
        describe_many(home.inbox, 5000, text=GRANDMA, every=100)
        before = contents(home.inbox)
        began = time.monotonic()
        assert home.start("--once").wait(timeout=500) == 0
        print(f"5,000 descriptions were taken back in {time.monotonic() - began:.1f} s")
        with home.reading() as library:
            assert library.counts()[DONE] == 5000
        assert times(home, "Claimed") == 0
        assert contents(home.inbox) == before
    finally:
        home.close()
