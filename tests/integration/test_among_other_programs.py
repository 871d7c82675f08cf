"""Among other programs: what is theirs is neither read nor written, and what they hand over is described once. Real."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.lifecycle import JobState
from tests.support.disks import make_read_only, make_writable, small_disk
from tests.support.intake_home import PNG, IntakeHome
from tests.support.media.media_files import save_image, some_image
from tests.support.processes import DaemonHome
from tests.support.running_jobs import start_with_worker
from tests.support.waiting import wait_for

#: What other programs keep in folders of their own, by the place of one picture in each.
THEIRS = (
    "Photos Library.photoslibrary/originals/0/A.jpg",
    "old/iPhoto Library/Masters/b.jpg",
    "Lightroom Previews.lrdata/1/c.jpg",
    ".Trash-1000/files/d.jpg",
    "$RECYCLE.BIN/S-1-5-21/$RABCDEF.jpg",
    "#recycle/e.jpg",
    "holiday/@eaDir/f.jpg/SYNOPHOTO_THUMB_XL.jpg",
    "holiday/.thumbnails/g.jpg",
    ".dropbox.cache/2024/h.jpg",
    "site/node_modules/logo/i.jpg",
    ".cache/j.jpg",
    "holiday/.k.jpg",
)
OURS = ("beach.jpg", "holiday/sunset.jpg")
DESCRIBED = "Described."


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DaemonHome]:
    home = DaemonHome(tmp_path / "home")
    yield home
    home.close()


@pytest.fixture
def intake_home(tmp_path: Path) -> Iterator[IntakeHome]:
    home = IntakeHome(tmp_path / "home")
    yield home
    home.close()


def plant(inbox: Path, names: tuple[str, ...], first: int = 0) -> None:
    """A picture of its own at every name, which was last read before it was changed: then reading it leaves a trace."""
    for number, name in enumerate(names, first):
        (inbox / name).parent.mkdir(parents=True, exist_ok=True)
        save_image(inbox / name, some_image(number, (64, 48)))
        os.utime(inbox / name, ns=(10**18, 10**18 + 1))


def state_of(inbox: Path, names: tuple[str, ...]) -> dict[str, object]:
    """Every byte and time below the top folder of each name, and when a file was read."""
    found: dict[str, object] = {}
    for path in sorted(inbox.rglob("*")):
        name = str(path.relative_to(inbox))
        if path.is_file() and any(name.startswith(os.path.dirname(one) + "/") for one in names if "/" in one):
            look = path.lstat()
            found[name] = (look.st_atime_ns, look.st_mtime_ns, look.st_ino, look.st_size)
    return {name: state for name, state in found.items() if not name.startswith("holiday/sunset.jpg")}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def times_described(home: DaemonHome) -> dict[str, int]:
    """How often the model answered, by file."""
    return {name: home.notes(job).count(DESCRIBED) for name, job in home.jobs().items()}


def test_what_belongs_to_other_programs_is_neither_read_nor_written(home: DaemonHome) -> None:
    plant(home.inbox, THEIRS)
    plant(home.inbox, OURS, first=50)
    before = state_of(home.inbox, THEIRS)
    assert len(before) == len(THEIRS)
    assert home.start("--once").wait(timeout=50) == 0
    assert home.states() == {"beach.jpg": JobState.DONE, "sunset.jpg": JobState.DONE}
    assert state_of(home.inbox, THEIRS) == before


def test_a_running_daemon_leaves_them_alone_too(home: DaemonHome) -> None:
    daemon = home.start_and_wait()
    plant(home.inbox, THEIRS)
    before = state_of(home.inbox, THEIRS)
    plant(home.inbox, OURS, first=50)
    wait_for(lambda: home.states() == {"beach.jpg": JobState.DONE, "sunset.jpg": JobState.DONE}, 30)
    assert state_of(home.inbox, THEIRS) == before
    assert daemon.poll() is None


@pytest.mark.parametrize("closed", ["holiday.photoslibrary", ".Trash-1000", "HOLIDAY.PhotosLibrary"])
def test_a_folder_is_left_when_it_gets_such_a_name_and_entered_when_it_loses_it(
    intake_home: IntakeHome, closed: str
) -> None:
    inbox, intake = intake_home.inbox, intake_home.start_and_settle()
    (inbox / "new").mkdir()
    (inbox / "new" / "a.png").write_bytes(PNG)
    (inbox / "new").rename(inbox / closed)
    (inbox / closed / "deep" / "er").mkdir(parents=True)
    (inbox / closed / "deep" / "er" / "b.png").write_bytes(PNG + b"b")
    (inbox / "last.png").write_bytes(PNG + b"last")
    wait_for(lambda: intake_home.queued() == {"last.png"} and intake.is_idle)
    assert intake_home.library.refused_paths() == [], "`why` knows the rule by the name"
    (inbox / closed).rename(inbox / "ours")
    wait_for(lambda: intake_home.queued() == {"last.png", "ours/a.png", "ours/deep/er/b.png"})
    assert [path for path in intake_home.opened if b"/ours/" not in path and not path.endswith(b"/last.png")] == []


def test_a_picture_that_goes_to_the_trash_while_it_waits_is_gone(home: DaemonHome) -> None:
    daemon = start_with_worker(home)
    worker = home.worker(daemon)
    worker.suspend()
    plant(home.inbox, ("holiday/beach.jpg",))
    wait_for(lambda: home.states().get("beach.jpg") is JobState.QUEUED)
    (home.inbox / "holiday").rename(home.inbox / ".Trash-1000")
    before = state_of(home.inbox, (".Trash-1000/beach.jpg",))
    worker.resume()
    wait_for(lambda: home.states()["beach.jpg"] is JobState.GONE)
    assert state_of(home.inbox, (".Trash-1000/beach.jpg",)) == before
    assert [path.name for path in (home.inbox / ".Trash-1000").iterdir()] == ["beach.jpg"]


def test_an_inbox_below_a_hidden_folder_is_an_inbox(tmp_path: Path) -> None:
    with closing(DaemonHome(tmp_path / ".hidden" / "home")) as home:
        plant(home.inbox, ("beach.jpg",))
        assert home.start("--once").wait(timeout=50) == 0
        assert home.states() == {"beach.jpg": JobState.DONE}


def test_hidden_files_are_described_when_the_setting_allows_it(tmp_path: Path) -> None:
    with closing(DaemonHome(tmp_path / "home", {"SMOLWATCH_INBOX__HIDDEN": "true"})) as home:
        plant(home.inbox, (".album/.beach.jpg", ".Trash/no.jpg"))
        assert home.start("--once").wait(timeout=50) == 0
        assert home.states() == {".beach.jpg": JobState.DONE}


def test_a_home_inside_the_inbox_is_not_looked_at(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    with closing(DaemonHome(pictures / "SmolWatch", {"SMOLWATCH_INBOX__PATH": str(pictures)})) as home:
        plant(home.inbox, ("beach.jpg", "SmolWatch/data/sidecars/never.jpg"))
        home.start_and_wait()
        wait_for(lambda: home.states() == {"beach.jpg": JobState.DONE}, 30)
        plant(home.inbox, ("SmolWatch/logs/never.jpg", "last.jpg"), first=9)
        wait_for(lambda: home.states() == {"beach.jpg": JobState.DONE, "last.jpg": JobState.DONE}, 30)
        assert home.logged("smolwatch.db") == 0
        with home.reading() as library:
            assert library.refusal(os.fsencode(home.settings.database_file)) is None


#: A copy that takes seconds, in each of the ways in which rsync may name what is on its way.
RSYNC = {
    "hidden names": [],
    "all at the end": ["--delay-updates"],
    "partial folder": ["--partial-dir=.rsync-partial"],
    "in place": ["--inplace"],
}


@pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")
@pytest.mark.parametrize("options", RSYNC.values(), ids=list(RSYNC))
def test_a_library_a_trash_and_an_rsync_under_way(home: DaemonHome, tmp_path: Path, options: list[str]) -> None:
    source = tmp_path / "card"
    pictures = tuple(f"DCIM/IMG_{number}.jpg" for number in range(4))
    for number, name in enumerate(pictures):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        save_image(source / name, some_image(number, (64, 48)))
        with (source / name).open("ab") as file:
            file.write(os.urandom(150_000))
    daemon = home.start_and_wait()
    plant(home.inbox, THEIRS, first=20)
    before = state_of(home.inbox, THEIRS)
    subprocess.run(["rsync", "-a", "--bwlimit=150", *options, f"{source}/", home.inbox], check=True)
    done = {os.path.basename(name): JobState.DONE for name in pictures}
    wait_for(lambda: home.states() == done, 30)
    assert times_described(home) == dict.fromkeys(done, 1)
    with home.reading() as library:
        assert len(library.jobs()) == len(pictures)
    assert state_of(home.inbox, THEIRS) == before
    assert daemon.poll() is None


def test_a_picture_is_described_once_under_its_final_name(home: DaemonHome) -> None:
    """Each of these is how some program names a picture until it is whole."""
    home.start_and_wait()
    names = [
        ".beach.png.aB3dE6", ".~tmp~/a.png", "b.png.partial", "c.png.filepart", "d.png.!ut", "e.png.opdownload",
        ".goutputstream-AB12CD", "f.png_exiftool_tmp", "g.png.sb-1a2b3c4d-AbCdEf", "h.png.crdownload",
    ]  # fmt: skip
    for number, name in enumerate(names):
        (home.inbox / name).parent.mkdir(exist_ok=True)
        save_image(home.inbox / "draft.bak", some_image(number, (64, 48)), format="PNG")
        (home.inbox / "draft.bak").rename(home.inbox / name)
    save_image(home.inbox / "beach.sync-conflict-20240102-030405-ABCDEFG.png", some_image(99, (64, 48)))
    wait_for(lambda: home.states() == {"beach.sync-conflict-20240102-030405-ABCDEFG.png": JobState.DONE}, 30)
    for number, name in enumerate(names):
        (home.inbox / name).rename(home.inbox / f"final-{number}.png")
    final = [f"final-{number}.png" for number in range(len(names))]
    wait_for(lambda: [home.states().get(name) for name in final] == [JobState.DONE] * len(final), 30)
    assert times_described(home) == dict.fromkeys((*final, "beach.sync-conflict-20240102-030405-ABCDEFG.png"), 1)


def test_copies_that_come_together_are_described_each_and_asked_about_once(home: DaemonHome) -> None:
    daemon = start_with_worker(home)
    home.worker(daemon).suspend()
    save_image(home.inbox / "0.png", some_image(0, (64, 48)))
    for number in range(1, 20):
        shutil.copy(home.inbox / "0.png", home.inbox / f"{number}.png")
    wait_for(lambda: list(home.states().values()).count(JobState.QUEUED) == 20)
    home.worker(daemon).resume()
    wait_for(lambda: set(home.states().values()) == {JobState.DONE}, 30)
    with home.reading() as library:
        descriptions = [library.description(job.id) for job in library.jobs() if job.name != "first.png"]
    assert len({one.described_at for one in descriptions if one}) == 1, "one description is used for all"
    assert sorted(one.name for one in descriptions if one) == sorted(f"{number}.png" for number in range(20))


def test_sidecars_of_a_read_only_folder_follow_a_rename_and_go_home_when_it_can_be_written(tmp_path: Path) -> None:
    environ = {"SMOLWATCH_INBOX__PATH": str(tmp_path / "disk"), "SMOLWATCH_INBOX__SWEEP_SECONDS": "1"}
    with small_disk(tmp_path / "disk", 10**6) as disk, closing(DaemonHome(tmp_path / "home", environ)) as home:
        away = Path(f"{home.settings.sidecar_folder}{disk}")
        plant(disk, ("a.png", "b.png"))
        make_read_only(disk)
        assert home.start("--once").wait(timeout=50) == 0
        assert names(away) == ["a.png.md", "a.png.smolwatch.json", "b.png.md", "b.png.smolwatch.json"]
        with (away / "a.png.md").open("a") as file:
            file.write("\n## Place\n\nSylt\n")
        make_writable(disk)
        (disk / "a.png").rename(disk / "c.png")
        make_read_only(disk)
        daemon = home.start_and_wait()
        wait_for(lambda: names(away) == ["b.png.md", "b.png.smolwatch.json", "c.png.md", "c.png.smolwatch.json"], 30)
        make_writable(disk)
        files = [f"{name}{ending}" for name in ("b.png", "c.png") for ending in ("", ".md", ".smolwatch.json")]
        wait_for(lambda: names(disk) == files, 30)
        wait_for(lambda: set(home.states().values()) == {JobState.DONE}, 30)
        assert "Sylt" in (disk / "c.png.md").read_text()
        assert not home.settings.sidecar_folder.exists()
        assert times_described(home) == {"b.png": 1, "c.png": 1}
        assert daemon.poll() is None
