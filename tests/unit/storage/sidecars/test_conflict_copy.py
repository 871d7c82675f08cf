"""A name that is used again: whose words stand in a sidecar, and where those about another file are kept."""

from __future__ import annotations

import json as plain_json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from config.failpoints import VARIABLE
from config.settings import Existing
from storage.description import Description
from storage.sidecars import cleanup, json, markdown, writer
from storage.sidecars.conflict_copy import ChangedFrom, dated_names
from storage.sidecars.names import is_sidecar_name
from tests.fakes.clock import START
from tests.support.files import description_of, digest_of, new_file

GRANDMA = "Grandma at the beach, 1974."
BEACH, MOUNTAIN = b"beach", b"mountain"
DAY = "2026-11-24"


@dataclass
class Album:
    """A folder with IMG_1.jpg: what it holds, what was said of it, and what a person wrote there."""

    folder: Path
    existing: Existing = "fill"

    @property
    def text(self) -> Path:
        return self.folder / "IMG_1.jpg.md"

    @property
    def record(self) -> Path:
        return self.folder / "IMG_1.jpg.smolwatch.json"

    @property
    def apart(self) -> Path:
        return self.folder / f"IMG_1.jpg.earlier-{DAY}.md"

    def said(self, content: bytes, caption: str, hours: int = 0) -> Description:
        file = new_file(os.fsencode(self.folder / "IMG_1.jpg"), content)
        at = START + timedelta(hours=hours)
        return description_of(file, answers={"caption": caption, "summary": f"{caption} So it is."}, described_at=at)

    def put(self, content: bytes, caption: str, hours: int = 0, held_before: ChangedFrom = frozenset) -> list[str]:
        """The picture, described; what is told of it. `held_before`: what it was changed from in place."""
        (self.folder / "IMG_1.jpg").write_bytes(content)
        written = writer.write(self.said(content, caption, hours), held_before, existing=self.existing)
        return [one.to_text() for one in written]

    def write_caption(self, words: str = GRANDMA) -> None:
        self.text.write_text(self.text.read_text().replace("A beach.\n", f"{words}\n", 1))
        record = plain_json.loads(self.record.read_text())
        record["answers"]["caption"] = words
        self.record.write_text(plain_json.dumps(record))

    def caption(self) -> str:
        """What stands below "Caption" in the text."""
        return self.text.read_text().split("## Caption\n")[1].split("\n## ")[0].strip()

    def names(self) -> set[str]:
        return {file.name for file in self.folder.iterdir()}


@pytest.fixture
def album(tmp_path: Path) -> Album:
    album = Album(tmp_path)
    album.put(BEACH, "A beach.")
    return album


def in_place() -> frozenset[str]:
    return frozenset({digest_of(BEACH)})


class TestAnotherFile:
    """The name was free in between, or nobody knows."""

    def test_a_new_file_gets_its_own_text_and_edits_about_the_old_one_are_kept_byte_for_byte(
        self, album: Album
    ) -> None:
        album.write_caption()
        text, record = album.text.read_bytes(), album.record.read_bytes()
        told = album.put(MOUNTAIN, "A mountain.", hours=1)
        assert album.caption() == "A mountain."
        assert album.text.read_bytes() == markdown.render(album.said(MOUNTAIN, "A mountain.", 1))
        assert album.record.read_bytes() == json.render(album.said(MOUNTAIN, "A mountain.", 1))
        assert album.apart.read_bytes() == text
        assert (album.folder / f"IMG_1.jpg.earlier-{DAY}.smolwatch.json").read_bytes() == record
        assert f"{album.apart.name} holds what was written about another file, which had this name before." in told

    def test_without_edits_no_copy_is_kept(self, album: Album) -> None:
        assert album.put(MOUNTAIN, "A mountain.", hours=1) == []
        assert album.names() == {"IMG_1.jpg", album.text.name, album.record.name}

    @pytest.mark.parametrize("existing", ["skip", "append"])
    def test_a_sidecar_that_the_settings_keep_gets_another_name(self, tmp_path: Path, existing: Existing) -> None:
        album = Album(tmp_path, existing)
        album.put(BEACH, "A beach.")
        text = album.text.read_bytes()
        album.put(MOUNTAIN, "A mountain.", hours=1)
        assert album.apart.read_bytes() == text
        assert album.caption() == "A mountain."

    def test_edits_are_overwritten_if_the_settings_say_so(self, tmp_path: Path) -> None:
        album = Album(tmp_path, "overwrite")
        album.put(BEACH, "A beach.")
        album.write_caption()
        album.put(MOUNTAIN, "A mountain.", hours=1)
        assert album.names() == {"IMG_1.jpg", album.text.name, album.record.name}

    def test_every_copy_of_a_day_has_its_own_name(self, album: Album) -> None:
        kept = []
        for number in range(3):
            album.write_caption(f"Number {number}.")
            kept.append(album.text.read_bytes())
            album.put(b"%d" % number, "A beach.", hours=number)
        names = [album.apart, *(album.folder / f"IMG_1.jpg.earlier-{DAY}-{number}.md" for number in (2, 3))]
        assert [name.read_bytes() for name in names] == kept

    def test_publishing_again_makes_no_second_copy(self, album: Album) -> None:
        album.write_caption()
        text = album.text.read_bytes()
        album.put(MOUNTAIN, "A mountain.", hours=1)
        album.text.write_bytes(text)  # as a crash leaves it, before the new one stood
        album.put(MOUNTAIN, "A mountain.", hours=1)
        assert sorted(album.names()) == [
            "IMG_1.jpg",
            f"IMG_1.jpg.earlier-{DAY}.md",
            f"IMG_1.jpg.earlier-{DAY}.smolwatch.json",
            "IMG_1.jpg.md",
            "IMG_1.jpg.smolwatch.json",
        ]
        assert album.caption() == "A mountain."

    def test_a_kill_before_the_new_sidecar_leaves_the_edits_in_both_places(self, album: Album) -> None:
        album.write_caption()
        text = album.text.read_bytes()
        call = f"from {__name__} import Album; from pathlib import Path; " + (
            f"Album(Path({str(album.folder)!r})).put({MOUNTAIN!r}, 'A mountain.', 1)"
        )
        environ = {**os.environ, VARIABLE: "set-apart:2"}  # first the record's, then the text's
        killed = subprocess.run([sys.executable, "-c", call], env=environ, cwd=Path.cwd(), check=False, timeout=30)
        assert killed.returncode == -9
        assert album.text.read_bytes() == album.apart.read_bytes() == text
        album.put(MOUNTAIN, "A mountain.", hours=1)
        assert (album.caption(), album.apart.read_bytes()) == ("A mountain.", text)

    def test_a_foreign_file_with_the_dated_name_is_not_touched(self, album: Album) -> None:
        album.apart.write_text("mine")
        album.write_caption()
        text = album.text.read_bytes()
        album.put(MOUNTAIN, "A mountain.", hours=1)
        assert album.apart.read_text() == "mine"
        assert (album.folder / f"IMG_1.jpg.earlier-{DAY}-2.md").read_bytes() == text

    def test_an_edited_time_cannot_name_another_folder(self) -> None:
        assert next(dated_names(b"/in/a.jpg.md", markdown, "../../x")) == b"/in/a.jpg.earlier-undated.md"

    def test_conflict_copies_are_never_treated_as_media(self, album: Album) -> None:
        for form in (json, markdown):
            name = next(
                dated_names(os.fsencode(album.folder / "IMG_1.jpg") + form.SUFFIX, form, "2026-11-24T09:00:00Z")
            )
            assert is_sidecar_name(os.path.basename(name))

    def test_old_sidecars_hold_the_digest_in_their_statistics(self, album: Album) -> None:
        album.write_caption()
        text = album.text.read_bytes().replace(b" " + digest_of(BEACH).encode() + b" ", b" ", 1)
        assert text.count(digest_of(BEACH).encode()) == 1
        album.text.write_bytes(text)
        album.put(BEACH, "A beach.")
        assert album.caption() == GRANDMA
        album.text.write_bytes(text)
        album.put(MOUNTAIN, "A mountain.", hours=1)
        assert album.caption() == "A mountain."
        assert GRANDMA in album.apart.read_text()

    def test_without_a_digest_the_time_of_the_description_decides(self, album: Album) -> None:
        album.write_caption()
        lines = [line for line in album.text.read_text().splitlines() if "| Content |" not in line]
        text = "\n".join(lines).replace(f" {digest_of(BEACH)} ", " ", 1)
        album.text.write_text(text)
        album.put(BEACH, "A beach.")
        assert album.caption() == GRANDMA
        album.text.write_text(text)
        album.put(MOUNTAIN, "A mountain.", hours=1)
        assert album.caption() == "A mountain."


class TestChangedInPlace:
    """The same name, never free: an edited picture."""

    def test_edits_stay_with_a_note_that_the_file_has_changed(self, album: Album) -> None:
        album.write_caption()
        assert album.put(MOUNTAIN, "A grey beach.", 1, in_place) == []
        assert album.caption() == GRANDMA
        text = album.text.read_text()
        assert "## Since your words were written" in text
        assert "- Caption: A grey beach." in text
        assert "A grey beach. So it is." in text, "what is smolwatch's own is renewed"
        record = plain_json.loads(album.record.read_text())
        assert record["file"]["digest"] == digest_of(MOUNTAIN)
        assert record["answers"]["caption"] == GRANDMA
        assert record["model_answers"] == {"caption": "A grey beach."}
        assert record["words_about"]["answers/caption"]["digest"] == digest_of(BEACH)
        assert album.names() == {"IMG_1.jpg", album.text.name, album.record.name}

    def test_writing_again_changes_nothing(self, album: Album) -> None:
        album.write_caption()
        album.put(MOUNTAIN, "A grey beach.", 1, in_place)
        before = album.text.read_bytes(), album.record.read_bytes()
        for _ in range(2):
            album.put(MOUNTAIN, "A grey beach.", 1, in_place)
            assert (album.text.read_bytes(), album.record.read_bytes()) == before

    def test_after_a_third_change_the_note_still_names_the_first_bytes(self, album: Album) -> None:
        album.write_caption()
        album.put(MOUNTAIN, "A grey beach.", 1, in_place)
        album.put(b"third", "A blue beach.", 2, lambda: frozenset({digest_of(MOUNTAIN)}))
        assert "- Caption: A blue beach." in album.text.read_text()
        record = plain_json.loads(album.record.read_text())
        assert record["words_about"]["answers/caption"]["digest"] == digest_of(BEACH)

    def test_when_the_first_bytes_return_the_note_goes(self, album: Album) -> None:
        album.write_caption()
        before = album.text.read_bytes()
        album.put(MOUNTAIN, "A grey beach.", 1, in_place)
        album.put(BEACH, "A beach.", 0, lambda: frozenset({digest_of(MOUNTAIN)}))
        assert album.text.read_bytes() == before
        assert "words_about" not in album.record.read_text()

    def test_edits_after_the_change_are_about_the_new_bytes(self, album: Album) -> None:
        album.write_caption()
        album.put(MOUNTAIN, "A grey beach.", 1, in_place)
        for file in (album.text, album.record):
            file.write_text(file.read_text().replace(GRANDMA, "Grandma, in grey."))
        album.put(MOUNTAIN, "A grey beach.", 1, in_place)
        assert album.caption() == "Grandma, in grey."
        assert "Since your words" not in album.text.read_text()
        assert "words_about" not in album.record.read_text()

    def test_sections_and_keys_of_a_persons_own_are_about_the_earlier_bytes_too(self, album: Album) -> None:
        album.text.write_text(album.text.read_text().replace("## Summary", "## Place\n\nSylt\n\n## Summary"))
        record = plain_json.loads(album.record.read_text()) | {"tags": ["sea"]}
        album.record.write_text(plain_json.dumps(record))
        album.put(MOUNTAIN, "A grey beach.", 1, in_place)
        assert "when these words were written by hand: Place." in album.text.read_text()
        assert set(plain_json.loads(album.record.read_text())["words_about"]) == {"/tags"}
        assert album.caption() == "A grey beach."

    def test_without_edits_everything_is_updated(self, album: Album) -> None:
        album.put(MOUNTAIN, "A grey beach.", 1, in_place)
        assert album.text.read_bytes() == markdown.render(album.said(MOUNTAIN, "A grey beach.", 1))
        assert album.record.read_bytes() == json.render(album.said(MOUNTAIN, "A grey beach.", 1))


class TestMakeWay:
    """Another file has come, and nothing was said of it yet."""

    def make_way(self, album: Album, content: bytes, mirror: Path | None = None) -> set[str]:
        (album.folder / "IMG_1.jpg").write_bytes(content)
        path = os.fsencode(album.folder / "IMG_1.jpg")
        apart = cleanup.clear_for_new_file(path, digest_of(content), existing=album.existing, mirror=mirror)
        return {os.path.basename(os.fsdecode(name)) for name in apart}

    def test_no_text_about_the_old_file_remains_and_no_edit_is_lost(self, album: Album) -> None:
        album.write_caption()
        text = album.text.read_bytes()
        apart = self.make_way(album, MOUNTAIN)
        assert album.names() == {"IMG_1.jpg", *apart}
        assert album.apart.read_bytes() == text

    def test_unedited_sidecars_are_removed(self, album: Album) -> None:
        assert self.make_way(album, MOUNTAIN) == set()
        assert album.names() == {"IMG_1.jpg"}

    def test_sidecars_about_the_new_file_and_foreign_files_stay(self, album: Album) -> None:
        album.text.write_text("my notes")
        assert self.make_way(album, BEACH) == set()
        self.make_way(album, MOUNTAIN)
        assert album.names() == {"IMG_1.jpg", "IMG_1.jpg.md"}

    def test_a_history_is_kept_whole(self, tmp_path: Path) -> None:
        album = Album(tmp_path, "append")
        album.put(BEACH, "A beach.")
        assert len(self.make_way(album, MOUNTAIN)) == 2

    def test_the_mirror_is_cleared_too(self, tmp_path: Path, album: Album) -> None:
        mirror = tmp_path / "mirror"
        away = Path(f"{mirror}{album.text}")
        away.parent.mkdir(parents=True)
        album.text.rename(away)
        self.make_way(album, MOUNTAIN, mirror)
        assert not away.exists()


class TestMirror:
    def test_edits_in_the_mirror_about_another_file_are_kept_beside_the_file(
        self, tmp_path: Path, album: Album
    ) -> None:
        mirror = tmp_path / "mirror"
        away = Path(f"{mirror}{album.text}")
        album.write_caption()
        away.parent.mkdir(parents=True)
        text = album.text.read_bytes()
        album.text.rename(away)
        (album.folder / "IMG_1.jpg").write_bytes(MOUNTAIN)
        writer.write(album.said(MOUNTAIN, "A mountain.", 1), mirror=mirror)
        assert (album.caption(), album.apart.read_bytes()) == ("A mountain.", text)
        assert not away.exists()
