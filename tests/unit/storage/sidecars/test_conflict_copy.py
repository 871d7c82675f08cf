"""A file name that is used again: the new sidecar, and the conflict copy of the old one."""

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
from tests.support.files import by_recipe, description_of, digest_of, new_file

GRANDMA = "Grandma at the beach, 1974."
BEACH, MOUNTAIN = b"beach", b"mountain"
DAY = "2026-11-24"


@dataclass
class Album:
    """A folder with IMG_1.jpg, its sidecars, and a person's edits in them."""

    folder: Path
    existing: Existing = "fill"

    @property
    def text(self) -> Path:
        return self.folder / "IMG_1.jpg.md"

    @property
    def record(self) -> Path:
        return self.folder / "IMG_1.jpg.smolwatch.json"

    @property
    def copy(self) -> Path:
        return self.folder / f"IMG_1.jpg.earlier-{DAY}.md"

    def description(self, content: bytes, caption: str, hours: int = 0) -> Description:
        file = new_file(os.fsencode(self.folder / "IMG_1.jpg"), content)
        at = START + timedelta(hours=hours)
        return description_of(file, answers={"caption": caption, "summary": f"{caption} So it is."}, described_at=at)

    def describe(self, content: bytes, caption: str, hours: int = 0, held_before: ChangedFrom = frozenset) -> list[str]:
        """Write the picture and its sidecars. Returns the reports. `held_before`: its contents before a change."""
        (self.folder / "IMG_1.jpg").write_bytes(content)
        written = writer.write(self.description(content, caption, hours), held_before, existing=self.existing)
        return [one.to_text() for one in written]

    def write_caption(self, text: str = GRANDMA) -> None:
        self.text.write_text(self.text.read_text().replace("A beach.\n", f"{text}\n", 1))
        record = plain_json.loads(self.record.read_text())
        record["answers"]["caption"] = text
        self.record.write_text(plain_json.dumps(record))

    def caption(self) -> str:
        """The text below "Caption" in the Markdown."""
        return self.text.read_text().split("## Caption\n")[1].split("\n## ")[0].strip()

    def names(self) -> set[str]:
        return {file.name for file in self.folder.iterdir()}


@pytest.fixture
def album(tmp_path: Path) -> Album:
    album = Album(tmp_path)
    album.describe(BEACH, "A beach.")
    return album


def in_place() -> frozenset[str]:
    return frozenset({digest_of(BEACH)})


class TestAnotherFile:
    """The name was free in between, or this is unknown."""

    def test_a_new_file_gets_its_own_text_and_edits_about_the_old_one_are_kept_byte_for_byte(
        self, album: Album
    ) -> None:
        album.write_caption()
        text, record = album.text.read_bytes(), album.record.read_bytes()
        reports = album.describe(MOUNTAIN, "A mountain.", hours=1)
        assert album.caption() == "A mountain."
        assert album.text.read_bytes() == markdown.render(album.description(MOUNTAIN, "A mountain.", 1))
        assert album.record.read_bytes() == json.render(album.description(MOUNTAIN, "A mountain.", 1))
        assert album.copy.read_bytes() == text
        assert (album.folder / f"IMG_1.jpg.earlier-{DAY}.smolwatch.json").read_bytes() == record
        assert f"{album.copy.name} holds what was written about another file, which had this name before." in reports

    def test_without_edits_no_copy_is_kept(self, album: Album) -> None:
        assert album.describe(MOUNTAIN, "A mountain.", hours=1) == []
        assert album.names() == {"IMG_1.jpg", album.text.name, album.record.name}

    @pytest.mark.parametrize("existing", ["skip", "append"])
    def test_a_sidecar_that_the_settings_keep_gets_another_name(self, tmp_path: Path, existing: Existing) -> None:
        album = Album(tmp_path, existing)
        album.describe(BEACH, "A beach.")
        text = album.text.read_bytes()
        album.describe(MOUNTAIN, "A mountain.", hours=1)
        assert album.copy.read_bytes() == text
        assert album.caption() == "A mountain."

    def test_edits_are_overwritten_if_the_settings_say_so(self, tmp_path: Path) -> None:
        album = Album(tmp_path, "overwrite")
        album.describe(BEACH, "A beach.")
        album.write_caption()
        album.describe(MOUNTAIN, "A mountain.", hours=1)
        assert album.names() == {"IMG_1.jpg", album.text.name, album.record.name}

    def test_every_copy_of_a_day_has_its_own_name(self, album: Album) -> None:
        kept = []
        for number in range(3):
            album.write_caption(f"Number {number}.")
            kept.append(album.text.read_bytes())
            album.describe(b"%d" % number, "A beach.", hours=number)
        names = [album.copy, *(album.folder / f"IMG_1.jpg.earlier-{DAY}-{number}.md" for number in (2, 3))]
        assert [name.read_bytes() for name in names] == kept

    def test_publishing_again_makes_no_second_copy(self, album: Album) -> None:
        album.write_caption()
        text = album.text.read_bytes()
        album.describe(MOUNTAIN, "A mountain.", hours=1)
        album.text.write_bytes(text)  # as a crash leaves it, before the new one stood
        album.describe(MOUNTAIN, "A mountain.", hours=1)
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
            f"Album(Path({str(album.folder)!r})).describe({MOUNTAIN!r}, 'A mountain.', 1)"
        )
        environ = {**os.environ, VARIABLE: "set-apart:2"}  # first the record's, then the text's
        killed = subprocess.run([sys.executable, "-c", call], env=environ, cwd=Path.cwd(), check=False, timeout=30)
        assert killed.returncode == -9
        assert album.text.read_bytes() == album.copy.read_bytes() == text
        album.describe(MOUNTAIN, "A mountain.", hours=1)
        assert (album.caption(), album.copy.read_bytes()) == ("A mountain.", text)

    def test_a_foreign_file_with_the_dated_name_is_not_touched(self, album: Album) -> None:
        album.copy.write_text("mine")
        album.write_caption()
        text = album.text.read_bytes()
        album.describe(MOUNTAIN, "A mountain.", hours=1)
        assert album.copy.read_text() == "mine"
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
        album.describe(BEACH, "A beach.")
        assert album.caption() == GRANDMA
        album.text.write_bytes(text)
        album.describe(MOUNTAIN, "A mountain.", hours=1)
        assert album.caption() == "A mountain."
        assert GRANDMA in album.copy.read_text()

    def test_without_a_digest_the_time_of_the_description_decides(self, album: Album) -> None:
        album.write_caption()
        lines = [line for line in album.text.read_text().splitlines() if "| Content |" not in line]
        text = "\n".join(lines).replace(f" {digest_of(BEACH)} ", " ", 1)
        album.text.write_text(text)
        album.describe(BEACH, "A beach.")
        assert album.caption() == GRANDMA
        album.text.write_text(text)
        album.describe(MOUNTAIN, "A mountain.", hours=1)
        assert album.caption() == "A mountain."


class TestChangedInPlace:
    """The same name, never free: an edited picture."""

    def test_edits_stay_with_a_note_that_the_file_has_changed(self, album: Album) -> None:
        album.write_caption()
        assert album.describe(MOUNTAIN, "A grey beach.", 1, in_place) == []
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
        album.describe(MOUNTAIN, "A grey beach.", 1, in_place)
        before = album.text.read_bytes(), album.record.read_bytes()
        for _ in range(2):
            album.describe(MOUNTAIN, "A grey beach.", 1, in_place)
            assert (album.text.read_bytes(), album.record.read_bytes()) == before

    def test_after_a_third_change_the_note_still_names_the_first_bytes(self, album: Album) -> None:
        album.write_caption()
        album.describe(MOUNTAIN, "A grey beach.", 1, in_place)
        album.describe(b"third", "A blue beach.", 2, lambda: frozenset({digest_of(MOUNTAIN)}))
        assert "- Caption: A blue beach." in album.text.read_text()
        record = plain_json.loads(album.record.read_text())
        assert record["words_about"]["answers/caption"]["digest"] == digest_of(BEACH)

    def test_when_the_first_bytes_return_the_note_goes(self, album: Album) -> None:
        album.write_caption()
        before = album.text.read_bytes()
        album.describe(MOUNTAIN, "A grey beach.", 1, in_place)
        album.describe(BEACH, "A beach.", 0, lambda: frozenset({digest_of(MOUNTAIN)}))
        assert album.text.read_bytes() == before
        assert "words_about" not in album.record.read_text()

    def test_edits_after_the_change_are_about_the_new_bytes(self, album: Album) -> None:
        album.write_caption()
        album.describe(MOUNTAIN, "A grey beach.", 1, in_place)
        for file in (album.text, album.record):
            file.write_text(file.read_text().replace(GRANDMA, "Grandma, in grey."))
        album.describe(MOUNTAIN, "A grey beach.", 1, in_place)
        assert album.caption() == "Grandma, in grey."
        assert "Since your words" not in album.text.read_text()
        assert "words_about" not in album.record.read_text()

    def test_sections_and_keys_of_a_persons_own_are_about_the_earlier_bytes_too(self, album: Album) -> None:
        album.text.write_text(album.text.read_text().replace("## Summary", "## Place\n\nSylt\n\n## Summary"))
        record = plain_json.loads(album.record.read_text()) | {"tags": ["sea"]}
        album.record.write_text(plain_json.dumps(record))
        album.describe(MOUNTAIN, "A grey beach.", 1, in_place)
        assert "when these words were written by hand: Place." in album.text.read_text()
        assert set(plain_json.loads(album.record.read_text())["words_about"]) == {"/tags"}
        assert album.caption() == "A grey beach."

    def test_without_edits_everything_is_updated(self, album: Album) -> None:
        album.describe(MOUNTAIN, "A grey beach.", 1, in_place)
        assert album.text.read_bytes() == markdown.render(album.description(MOUNTAIN, "A grey beach.", 1))
        assert album.record.read_bytes() == json.render(album.description(MOUNTAIN, "A grey beach.", 1))


class TestSeveralRecipes:
    """The picture was also described by a second recipe, before its bytes changed."""

    @pytest.fixture
    def album(self, tmp_path: Path) -> Album:
        album = Album(tmp_path)
        album.describe(BEACH, "A beach.")
        writer.write(by_recipe(album.description(BEACH, "Waves on sand."), "alt-text"))
        return album

    def parts(self, album: Album) -> list[str]:
        recipes = list(json.split(album.record.read_bytes()))
        assert recipes == list(markdown.split(album.text.read_bytes()))
        return recipes

    def test_after_a_change_in_place_each_part_is_renewed_in_its_turn(self, album: Album) -> None:
        album.write_caption()
        assert album.describe(MOUNTAIN, "A grey beach.", 1, in_place) == []
        assert "Waves on sand." in album.text.read_text(), "it is about the earlier bytes, as it says"
        later = by_recipe(album.description(MOUNTAIN, "Grey waves.", 2), "alt-text")
        assert writer.write(later, in_place) == []
        assert self.parts(album) == ["default", "alt-text"]
        assert "Waves on sand." not in album.text.read_text()
        assert "Grey waves." in album.text.read_text()
        assert album.caption() == GRANDMA
        assert album.names() == {"IMG_1.jpg", album.text.name, album.record.name}

    def test_about_another_file_the_sidecar_is_kept_whole_if_one_part_was_edited(self, album: Album) -> None:
        album.text.write_text(album.text.read_text().replace("Waves on sand.\n", f"{GRANDMA}\n", 1))
        text = album.text.read_bytes()
        album.describe(MOUNTAIN, "A mountain.", hours=1)
        assert album.copy.read_bytes() == text
        assert self.parts(album) == ["default"]

    def test_a_file_that_has_the_bytes_of_one_part_keeps_the_sidecar(self, album: Album) -> None:
        album.describe(MOUNTAIN, "A grey beach.", 1, in_place)
        before = album.text.read_bytes()
        for content in (BEACH, MOUNTAIN):
            path = os.fsencode(album.folder / "IMG_1.jpg")
            assert cleanup.clear_for_new_file(path, digest_of(content)) == []
            assert album.text.read_bytes() == before
        cleanup.clear_for_new_file(path, digest_of(b"third"))
        assert album.names() == {"IMG_1.jpg"}


class TestMakeWay:
    """Another file has come, and is not described yet."""

    def clear(self, album: Album, content: bytes, mirror: Path | None = None) -> set[str]:
        (album.folder / "IMG_1.jpg").write_bytes(content)
        path = os.fsencode(album.folder / "IMG_1.jpg")
        copies = cleanup.clear_for_new_file(path, digest_of(content), existing=album.existing, mirror=mirror)
        return {os.path.basename(os.fsdecode(name)) for name in copies}

    def test_no_text_about_the_old_file_remains_and_no_edit_is_lost(self, album: Album) -> None:
        album.write_caption()
        text = album.text.read_bytes()
        copies = self.clear(album, MOUNTAIN)
        assert album.names() == {"IMG_1.jpg", *copies}
        assert album.copy.read_bytes() == text

    def test_unedited_sidecars_are_removed(self, album: Album) -> None:
        assert self.clear(album, MOUNTAIN) == set()
        assert album.names() == {"IMG_1.jpg"}

    def test_sidecars_about_the_new_file_and_foreign_files_stay(self, album: Album) -> None:
        album.text.write_text("my notes")
        assert self.clear(album, BEACH) == set()
        self.clear(album, MOUNTAIN)
        assert album.names() == {"IMG_1.jpg", "IMG_1.jpg.md"}

    def test_a_history_is_kept_whole(self, tmp_path: Path) -> None:
        album = Album(tmp_path, "append")
        album.describe(BEACH, "A beach.")
        assert len(self.clear(album, MOUNTAIN)) == 2

    def test_the_mirror_is_cleared_too(self, tmp_path: Path, album: Album) -> None:
        mirror = tmp_path / "mirror"
        away = Path(f"{mirror}{album.text}")
        away.parent.mkdir(parents=True)
        album.text.rename(away)
        self.clear(album, MOUNTAIN, mirror)
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
        writer.write(album.description(MOUNTAIN, "A mountain.", 1), mirror=mirror)
        assert (album.caption(), album.copy.read_bytes()) == ("A mountain.", text)
        assert not away.exists()
