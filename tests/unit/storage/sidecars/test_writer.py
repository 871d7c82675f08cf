from __future__ import annotations

import errno
import json as plain_json
import os
import stat
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import pytest

from storage.description import Description, Quality, Segment
from storage.errors import SidecarError
from storage.records import MediaKind
from storage.sidecars import cleanup, durability, json, markdown, markdown_sections, presence, writer
from storage.sidecars.writer import KeptSidecar
from tests.support.disk_names import can_name
from tests.support.files import by_recipe, description_of, new_file

HOSTILE = "a\x1b[31m](http://evil) <script>alert(1)</script> `x` | b\n# heading\n\u202e\x9b**bold** \udcff"


def on_disk(folder: Path, name: bytes = b"beach.jpg", mode: int = 0o640) -> bytes:
    path = os.fsencode(folder) + b"/" + name
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    os.fchmod(descriptor, mode)
    os.close(descriptor)
    return path


class TestJson:
    def test_it_holds_the_record_and_is_recognized(self) -> None:
        description = description_of(new_file())
        content = json.render(description)
        loaded = plain_json.loads(content)
        assert len(loaded.pop("written")) == len(description.answers)
        assert loaded == description.record()
        assert json.is_ours(content)
        assert json.is_ours(plain_json.dumps(plain_json.loads(content)).encode()), "laid out anew, it is still ours"

    def test_plain_text_of_any_language_stays_readable(self) -> None:
        assert "Düne 🏖".encode() in json.render(description_of(new_file(), answers={"caption": "Düne 🏖"}))

    def test_hostile_text_is_kept_and_escaped(self) -> None:
        content = json.render(description_of(new_file(b"/inbox/bad\xff\x1b.jpg"), answers={"caption": HOSTILE}))
        loaded = plain_json.loads(content)
        assert loaded["answers"]["caption"] == HOSTILE
        assert os.fsencode(loaded["file"]["name"]) == b"bad\xff\x1b.jpg"
        assert b64decode(loaded["file"]["name_b64"]) == b"bad\xff\x1b.jpg"
        text = content.decode()
        assert not {"\x1b", "\x9b", "\u202e"} & set(text)

    @pytest.mark.parametrize(
        "content",
        [
            b"{}",
            b"[]",
            b"",
            b"not json",
            b'{"schema": 1}',
            b"\xff\xfe",
            b"[" * 100_000,
            b'"smolwatch schema"',
            b'{"schema": 1, "smolwatch": "1", "answers": "mine"}',
            b'{"schema": 1, "smolwatch": "1", "written": [{}]}',
            b'{"schema": 1, "smolwatch": "1", "earlier": [7]}',
            b'{"schema": 1, "smolwatch": "1", "mine": NaN}',
            b'{"schema": 1, "smolwatch": "1", "mine": 1e999}',
            b'{"schema": 1, "smolwatch": "1", "mine": "a", "mine": "b"}',
        ],
    )
    def test_foreign_and_unreadable_content_is_not_ours(self, content: bytes) -> None:
        assert not json.is_ours(content)


class TestMarkdown:
    def test_the_markdown_of_a_video(self) -> None:
        description = description_of(
            new_file(b"/inbox/beach_1.mov", kind=MediaKind.VIDEO, format="mov"),
            answers={"caption": "A beach (at dusk).", "summary": "Waves roll in."},
            timeline=(Segment(start=0.0, end=4.04, text="Waves."), Segment(start=4.04, end=3723.5, text="A | B")),
            quality=Quality(verdict="suspect", reasons=("caption: loop", "summary: cut-off")),
        )
        marks = " ".join(sorted(field.mark for field in markdown_sections.sections(description)))
        assert markdown.render(description).decode() == (
            f"<!-- smolwatch 1 2026-11-24T09:00:00Z {description.digest} {marks} -->\n"
            "\n"
            "# beach\\_1.mov\n"
            "\n"
            "## Caption\n"
            "\n"
            "A beach \\(at dusk\\).\n"
            "\n"
            "## Summary\n"
            "\n"
            "Waves roll in.\n"
            "\n"
            "## Timeline\n"
            "\n"
            "| From | To | What is seen |\n"
            "| ---: | ---: | --- |\n"
            "| 0:00.0 | 0:04.0 | Waves. |\n"
            "| 0:04.0 | 1:02:03.5 | A \\| B |\n"
            "\n"
            "## Figures\n"
            "\n"
            "| | |\n"
            "| --- | --- |\n"
            "| Size | 1280 × 720 pixels |\n"
            "| Length | 8.0 s, 8 frames seen |\n"
            "| Quality | suspect: the caption repeats itself; the summary breaks off |\n"
            "| Model | smolwatch-demo 1 |\n"
            "| Ran on | cpu, float32, balanced detail |\n"
            "| Recipe | default 1 |\n"
            "| Took | 2.6 s |\n"
            "| Tokens | 660 in, 96 out, 87.0 a second |\n"
            "| Described | 2026-11-24T09:00:00Z |\n"
            f"| Content | {description.digest} |\n"
        )

    def test_an_image_has_no_timeline_and_no_length(self) -> None:
        text = markdown.render(description_of(new_file())).decode()
        assert "Timeline" not in text
        assert "Length" not in text
        assert "Quality" not in text

    def test_hostile_text_stays_text(self) -> None:
        text = markdown_sections.escape(HOSTILE)
        assert text == (
            r"a\\x1b\[31m\]\(http\://evil\) \<script\>alert\(1\)\</script\> \`x\` \| b"
            r" \# heading \\u202e\\x9b\*\*bold\*\* \\xff"
        )
        whole = markdown.render(
            description_of(
                new_file(b"/inbox/a\n# b](x).jpg"),
                answers={"caption": HOSTILE},
                timeline=(Segment(start=0, end=1, text=HOSTILE),),
            )
        ).decode()
        assert [line for line in whole.splitlines() if line.startswith("#")] == [
            r"# a \# b\]\(x\).jpg",
            "## Caption",
            "## Timeline",
            "## Figures",
        ]
        assert "<script" not in whole.replace(r"\<", "")

    @pytest.mark.parametrize(
        ("raw", "written"),
        [
            ("- a", r"\- a"),
            ("+ a", r"\+ a"),
            ("1. a", r"1\. a"),
            ("=====", r"\====="),
            ("---", r"\---"),
            ("> a", r"\> a"),
            ("    code", "code"),
            ("www.evil.example and me@evil.example", r"www\.evil.example and me\@evil.example"),
            ("costs $5", r"costs \$5"),
            ("&lt;b&gt;", r"\&lt;b\&gt;"),
            ("", ""),
        ],
    )
    def test_no_answer_starts_a_block_or_becomes_a_link(self, raw: str, written: str) -> None:
        assert markdown_sections.escape(raw) == written

    @pytest.mark.parametrize(
        ("raw", "written"),
        [
            ("one line", "one line"),
            ("STOP\nAll way", "STOP\\\nAll way"),
            ("a\r\n- b\n\n\n# c\n", "a\\\n\\- b\n\n\\# c"),
            ("ends with \\\nnext", "ends with \\\\\\\nnext"),
            ("\n\n", ""),
        ],
    )
    def test_the_lines_of_an_answer_stay_lines(self, raw: str, written: str) -> None:
        assert markdown_sections.escape_lines(raw) == written

    def test_an_edited_answer_of_several_lines_is_kept_and_an_unedited_one_is_renewed(self) -> None:
        before = description_of(new_file(), answers={"caption": "STOP\nAll way", "summary": "A sign.\nRed."})
        text = markdown.render(before).replace(b"All way", b"All ways")
        after = replace(before, answers={"caption": "GO\nOn", "summary": "A sign.\nGreen."})
        filled = markdown.fill(text, after).decode()
        assert "STOP\\\nAll ways\n" in filled
        assert "A sign.\\\nGreen.\n" in filled
        assert "GO" not in filled

    def test_it_is_recognized(self) -> None:
        assert markdown.is_ours(markdown.render(description_of(new_file())))
        assert markdown.is_ours(b"<!-- smolwatch 1 -->\n# of an older version\n")
        assert not markdown.is_ours(b"# My notes\n<!-- smolwatch 1 -->\n")
        assert not markdown.is_ours(b"<!-- smolwatch 1 --> words of mine\n")


class TestWrite:
    def test_both_are_beside_the_file_with_its_mode(self, tmp_path: Path) -> None:
        description = description_of(new_file(on_disk(tmp_path, mode=0o750)))
        assert writer.write(description) == []
        for name, content in {
            "beach.jpg.smolwatch.json": json.render(description),
            "beach.jpg.md": markdown.render(description),
        }.items():
            assert (tmp_path / name).read_bytes() == content
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o640
        assert len(list(tmp_path.iterdir())) == 3

    def test_writing_again_updates_both(self, tmp_path: Path) -> None:
        file = new_file(on_disk(tmp_path))
        writer.write(description_of(file))
        assert writer.write(description_of(file, answers={"caption": "Dunes."})) == []
        assert "Dunes." in (tmp_path / "beach.jpg.md").read_text()
        assert "Dunes." in (tmp_path / "beach.jpg.smolwatch.json").read_text()

    def test_a_users_own_file_is_kept_and_the_other_sidecar_is_written(self, tmp_path: Path) -> None:
        description = description_of(new_file(on_disk(tmp_path)))
        (tmp_path / "beach.jpg.md").write_text("my notes")
        (kept,) = writer.write(description)
        assert kept == KeptSidecar(
            path=os.fsencode(tmp_path / "beach.jpg.md"), reason="a file that smolwatch did not write already exists"
        )
        assert (tmp_path / "beach.jpg.md").read_text() == "my notes"
        assert (tmp_path / "beach.jpg.smolwatch.json").read_bytes() == json.render(description)

    def test_a_name_of_255_bytes_gets_both_with_the_full_name_inside(self, tmp_path: Path) -> None:
        name = b"a" * 251 + b".jpg"
        assert writer.write(description_of(new_file(on_disk(tmp_path, name)))) == []
        (found,) = tmp_path.glob("*.smolwatch.json")
        assert plain_json.loads(found.read_bytes())["file"]["name"] == name.decode()
        assert len(list(tmp_path.iterdir())) == 3

    def test_a_missing_file_gets_none(self, tmp_path: Path) -> None:
        with pytest.raises(SidecarError) as caught:
            writer.write(description_of(new_file(os.fsencode(tmp_path / "beach.jpg"))))
        assert caught.value.code == "gone"
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("number", "code"),
        [
            (errno.ENOSPC, "disk-full"),
            (errno.EROFS, "read-only"),
            (errno.EACCES, "no-access"),
            (errno.EIO, "sidecar"),
        ],
    )
    def test_the_systems_refusal_is_reported(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
    ) -> None:
        path = on_disk(tmp_path)
        real_open = os.open

        def refuses_to_write(name: bytes, flags: int, mode: int = 0o777) -> int:
            if flags & os.O_CREAT:
                raise OSError(number, os.strerror(number))
            return real_open(name, flags, mode)

        monkeypatch.setattr(os, "open", refuses_to_write)
        with pytest.raises(SidecarError, match=str(tmp_path)) as caught:
            writer.write(description_of(new_file(path)))
        assert caught.value.code == code


class TestSeveralRecipes:
    """A file that was described by two recipes."""

    @pytest.fixture
    def both(self, tmp_path: Path) -> tuple[Description, Description]:
        file = new_file(on_disk(tmp_path))
        first = description_of(file)
        second = by_recipe(description_of(file, answers={"caption": "Waves on sand."}), "alt-text")
        for description in (first, second):
            assert writer.write(description) == []
        return first, second

    def sidecars(self, folder: Path, name: str = "beach.jpg") -> tuple[Path, Path]:
        return folder / f"{name}.smolwatch.json", folder / f"{name}.md"

    def test_both_are_in_the_same_two_files(self, tmp_path: Path, both: tuple[Description, Description]) -> None:
        record, text = self.sidecars(tmp_path)
        assert len(list(tmp_path.iterdir())) == 3
        assert (
            list(json.split(record.read_bytes())) == list(markdown.split(text.read_bytes())) == ["default", "alt-text"]
        )
        before = record.read_bytes(), text.read_bytes()
        for description in reversed(both):
            assert writer.write(description) == []
        assert (record.read_bytes(), text.read_bytes()) == before

    def test_edits_in_each_part_stay_when_the_other_is_renewed(
        self, tmp_path: Path, both: tuple[Description, Description]
    ) -> None:
        texts = {0: b"A beach.", 1: b"Waves on sand."}
        for path in self.sidecars(tmp_path):
            for number, text in texts.items():
                path.write_bytes(path.read_bytes().replace(text, b"Mine %d." % number))
        for number, description in enumerate(both):
            writer.write(replace(description, answers={"caption": f"Newer {number}."}))
        for path in self.sidecars(tmp_path):
            assert all(b"Mine %d." % number in path.read_bytes() for number in texts)

    def test_with_skip_a_new_recipe_is_added_without_a_report(
        self, tmp_path: Path, both: tuple[Description, Description]
    ) -> None:
        story = by_recipe(both[0], "creative")
        assert writer.write(story, existing="skip") == []
        assert list(json.split(self.sidecars(tmp_path)[0].read_bytes())) == ["default", "alt-text", "creative"]
        assert len(writer.write(replace(story, answers={"caption": "The sea."}), existing="skip")) == 2

    def test_the_record_names_the_recipe_of_a_markdown_without_statistics(
        self, tmp_path: Path, both: tuple[Description, Description]
    ) -> None:
        text = self.sidecars(tmp_path)[1]
        alone = markdown.render(both[0]).partition(b"## Figures")[0]
        text.write_bytes(alone)
        writer.write(both[1])
        assert text.read_bytes().startswith(alone)
        assert list(markdown.split(text.read_bytes(), ["default"])) == ["default", "alt-text"]

    def test_they_move_with_the_file_whole(self, tmp_path: Path, both: tuple[Description, Description]) -> None:
        before = [path.read_bytes() for path in self.sidecars(tmp_path)]
        (tmp_path / "beach.jpg").rename(tmp_path / "sea.jpg")
        new = os.fsencode(tmp_path / "sea.jpg")
        for description in both:
            cleanup.move_with_file(description, new)
        assert [path.read_bytes() for path in self.sidecars(tmp_path, "sea.jpg")] == before
        for description in both:
            writer.write(replace(description, path=new))
        assert [file.name for file in tmp_path.iterdir() if "beach" in file.name] == []
        text = self.sidecars(tmp_path, "sea.jpg")[1].read_text()
        assert [line for line in text.splitlines() if line.startswith("# ")] == ["# sea.jpg", "# sea.jpg: alt-text"]

    @pytest.mark.parametrize("number", [0, 1])
    def test_orphans_are_discarded_only_if_no_part_was_edited(
        self, tmp_path: Path, both: tuple[Description, Description], number: int
    ) -> None:
        text = self.sidecars(tmp_path)[1]
        text.write_bytes(text.read_bytes().replace([b"A beach.", b"Waves on sand."][number], b"Mine."))
        (tmp_path / "beach.jpg").unlink()
        for description in both:
            cleanup.discard(description, tmp_path / "mirror")
        assert list(tmp_path.iterdir()) == [text]


class TestTakeAlong:
    """The file was moved from beach.jpg to sea.jpg."""

    @pytest.fixture
    def moved(self, tmp_path: Path) -> Description:
        description = description_of(new_file(on_disk(tmp_path)))
        writer.write(description)
        (tmp_path / "beach.jpg").rename(tmp_path / "sea.jpg")
        return description

    def test_unedited_sidecars_are_removed(self, tmp_path: Path, moved: Description) -> None:
        for _ in range(2):
            cleanup.move_with_file(moved, os.fsencode(tmp_path / "sea.jpg"))
            assert [file.name for file in tmp_path.iterdir()] == ["sea.jpg"]

    def test_edited_sidecars_move_with_the_file_and_are_filled(self, tmp_path: Path, moved: Description) -> None:
        with (tmp_path / "beach.jpg.md").open("a") as file:
            file.write("\n## Place\n\nSylt")
        new = os.fsencode(tmp_path / "sea.jpg")
        cleanup.move_with_file(moved, new)
        assert {file.name for file in tmp_path.iterdir()} == {"sea.jpg", "sea.jpg.md"}
        writer.write(replace(moved, path=new))
        text = (tmp_path / "sea.jpg.md").read_text()
        assert "# sea.jpg\n" in text
        assert text.endswith("## Place\n\nSylt\n")

    def test_foreign_files_and_those_whose_new_path_is_taken_stay(self, tmp_path: Path, moved: Description) -> None:
        with (tmp_path / "beach.jpg.md").open("a") as file:
            file.write("my own words")
        (tmp_path / "sea.jpg.md").write_text("my notes on the sea")
        (tmp_path / "beach.jpg.smolwatch.json").rename(tmp_path / "record")
        (tmp_path / "beach.jpg.smolwatch.json").symlink_to(tmp_path / "record")
        before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
        cleanup.move_with_file(moved, os.fsencode(tmp_path / "sea.jpg"))
        assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


class TestMirror:
    """A folder that is not writable, with the error of a read-only disk."""

    @pytest.fixture
    def locked(self, monkeypatch: pytest.MonkeyPatch) -> set[str]:
        """Folders put in here take no new files."""
        folders: set[str] = set()
        real_open = os.open

        def locks(name: bytes, flags: int, mode: int = 0o777) -> int:
            if flags & os.O_CREAT and os.path.dirname(os.fsdecode(name)) in folders:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            return real_open(name, flags, mode)

        monkeypatch.setattr(os, "open", locks)
        return folders

    @pytest.fixture
    def inbox(self, tmp_path: Path) -> Path:
        (tmp_path / "inbox").mkdir()
        return tmp_path / "inbox"

    @pytest.fixture
    def mirror(self, tmp_path: Path) -> Path:
        return tmp_path / "home" / "sidecars"

    def test_sidecars_of_a_read_only_folder_are_in_the_mirror(
        self, inbox: Path, mirror: Path, locked: set[str]
    ) -> None:
        description = description_of(new_file(on_disk(inbox)))
        locked.add(str(inbox))
        kept = writer.write(description, mirror=mirror)
        away = Path(f"{mirror}{inbox}")
        assert (away / "beach.jpg.md").read_bytes() == markdown.render(description)
        assert (away / "beach.jpg.smolwatch.json").read_bytes() == json.render(description)
        names = ("beach.jpg.smolwatch.json", "beach.jpg.md")
        assert [one.path for one in kept] == [os.fsencode(inbox / name) for name in names]
        assert str(away / "beach.jpg.md") in kept[1].reason
        assert [file.name for file in inbox.iterdir()] == ["beach.jpg"]

    def test_they_return_with_edits_when_the_folder_is_writable_again(
        self, inbox: Path, mirror: Path, locked: set[str]
    ) -> None:
        file = new_file(on_disk(inbox))
        locked.add(str(inbox))
        writer.write(description_of(file), mirror=mirror)
        away = Path(f"{mirror}{inbox}") / "beach.jpg.md"
        away.write_text(away.read_text().replace("A beach.", "Our beach."))
        locked.clear()
        assert writer.write(description_of(file, answers={"caption": "Sand."}), mirror=mirror) == []
        assert "Our beach." in (inbox / "beach.jpg.md").read_text()
        assert "Sand." in (inbox / "beach.jpg.smolwatch.json").read_text()
        assert not mirror.exists(), "nothing is left there, not even folders"

    def test_sidecars_in_the_mirror_leave_the_old_place_when_the_file_was_moved(
        self, inbox: Path, mirror: Path, locked: set[str]
    ) -> None:
        description = description_of(new_file(on_disk(inbox)))
        locked.add(str(inbox))
        writer.write(description, mirror=mirror)
        cleanup.move_with_file(description, os.fsencode(inbox / "sea.jpg"), mirror)
        assert not mirror.exists(), "what is ours alone is written anew at the new place"

    def test_edits_in_the_mirror_move_with_the_file_and_return_with_it(
        self, inbox: Path, mirror: Path, locked: set[str]
    ) -> None:
        description = description_of(new_file(on_disk(inbox)))
        locked.add(str(inbox))
        writer.write(description, mirror=mirror)
        away = Path(f"{mirror}{inbox}")
        with (away / "beach.jpg.md").open("a") as file:
            file.write("\n## Place\n\nSylt\n")
        (inbox / "new").mkdir()
        (inbox / "beach.jpg").rename(inbox / "new" / "sea.jpg")
        new = os.fsencode(inbox / "new" / "sea.jpg")
        cleanup.move_with_file(description, new, mirror)
        assert sorted(path.name for path in mirror.rglob("*.*")) == ["sea.jpg.md"]
        writer.write(replace(description, path=new), mirror=mirror)
        assert "Sylt" in (inbox / "new" / "sea.jpg.md").read_text()
        assert not mirror.exists()

    @pytest.mark.parametrize("name", [b"beach.jpg", b"b\xff\n.jpg", b"b" * 245 + b".jpg"])
    def test_files_whose_folder_is_writable_again_are_found(
        self, inbox: Path, mirror: Path, locked: set[str], name: bytes
    ) -> None:
        if not can_name(inbox, name):
            pytest.skip("no file can have this name on this disk")
        path = os.fsencode(inbox) + b"/" + name
        with open(path, "wb"):  # noqa: PTH123 - a path of bytes
            pass
        locked.add(str(inbox))
        description = description_of(new_file(path))
        writer.write(description, mirror=mirror)

        def found(*, open: bool = True) -> list[bytes]:
            return list(presence.files_to_return(mirror, lambda folder: open))

        assert found() == []
        locked.clear()
        assert found(open=False) == [], "a folder that is not entered is not tried either"
        assert found() == [path]
        assert os.listdir(os.fsencode(inbox)) == [name], "nothing is left of the trial"
        writer.write(description, mirror=mirror)
        assert found() == []
        assert not mirror.exists()

    def test_edits_leave_the_mirror_only_when_they_are_durable_beside_the_file(
        self, inbox: Path, mirror: Path, locked: set[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = new_file(on_disk(inbox))
        locked.add(str(inbox))
        writer.write(description_of(file), mirror=mirror)
        away = Path(f"{mirror}{inbox}") / "beach.jpg.md"
        away.write_text(away.read_text().replace("A beach.", "Our beach."))
        locked.clear()

        def breaks(descriptor: int) -> None:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(os, "fsync", breaks)
        with pytest.raises(SidecarError, match="Input/output error"):
            writer.write(description_of(file), unsynced=set(), mirror=mirror)
        assert "Our beach." in away.read_text()
        monkeypatch.undo()
        writer.write(description_of(file), unsynced=set(), mirror=mirror)
        assert "Our beach." in (inbox / "beach.jpg.md").read_text()
        assert not away.exists()

    def test_edits_that_stay_in_the_mirror_are_not_reported_again(
        self, inbox: Path, mirror: Path, locked: set[str]
    ) -> None:
        description = description_of(new_file(on_disk(inbox)))
        locked.add(str(inbox))
        writer.write(description, mirror=mirror)
        record = Path(f"{mirror}{inbox}") / "beach.jpg.smolwatch.json"
        record.write_text(record.read_text().replace("A beach.", "Our beach.", 1))
        locked.clear()
        (inbox / "beach.jpg.smolwatch.json").write_text(
            '{"schema": 1, "smolwatch": "0.1.0", "answers": {"caption": "x"}}'
        )
        writer.write(description, mirror=mirror)
        assert record.exists()
        assert list(presence.files_to_return(mirror, lambda folder: True)) == []

    def test_edits_move_into_the_mirror(self, inbox: Path, mirror: Path, locked: set[str]) -> None:
        file = new_file(on_disk(inbox))
        writer.write(description_of(file), mirror=mirror)
        beside = inbox / "beach.jpg.md"
        beside.write_text(beside.read_text().replace("A beach.", "Our beach."))
        locked.add(str(inbox))
        writer.write(description_of(file, answers={"caption": "Sand."}), mirror=mirror)
        assert "Our beach." in (Path(f"{mirror}{inbox}") / "beach.jpg.md").read_text()

    def test_edits_in_both_places_are_lost_in_neither(self, inbox: Path, mirror: Path, locked: set[str]) -> None:
        file = new_file(on_disk(inbox))
        writer.write(description_of(file), mirror=mirror)
        locked.add(str(inbox))
        writer.write(description_of(file, answers={"caption": "Dunes."}), mirror=mirror)
        beside, away = inbox / "beach.jpg.md", Path(f"{mirror}{inbox}") / "beach.jpg.md"
        away.write_text(away.read_text().replace("Dunes.", "Our beach."))
        beside.write_text(beside.read_text().replace("A beach.", "My beach."))
        locked.clear()
        (kept,) = writer.write(description_of(file, answers={"caption": "Sand."}), mirror=mirror)
        assert kept.path == os.fsencode(away)
        assert "Our beach." in away.read_text()
        assert "My beach." in beside.read_text()
        assert not (away.parent / "beach.jpg.smolwatch.json").exists(), "it held no word of a person"

    def test_parts_that_were_written_in_the_mirror_return_with_any_description(
        self, inbox: Path, mirror: Path, locked: set[str]
    ) -> None:
        file = new_file(on_disk(inbox))
        first, second = description_of(file), by_recipe(description_of(file), "alt-text")
        writer.write(first, mirror=mirror)
        locked.add(str(inbox))
        writer.write(second, mirror=mirror)
        away = Path(f"{mirror}{inbox}") / "beach.jpg.md"
        assert list(markdown.split(away.read_bytes())) == ["default", "alt-text"]
        locked.clear()
        assert writer.write(first, mirror=mirror) == []
        assert list(markdown.split((inbox / "beach.jpg.md").read_bytes())) == ["default", "alt-text"]
        assert not mirror.exists()

    def test_a_part_of_another_recipe_that_differs_stays_in_the_mirror(
        self, inbox: Path, mirror: Path, locked: set[str]
    ) -> None:
        file = new_file(on_disk(inbox))
        first, second = description_of(file), by_recipe(description_of(file), "alt-text")
        for description in (first, second):
            writer.write(description, mirror=mirror)
        locked.add(str(inbox))
        newer = replace(second, answers={"caption": "Waves on sand."})
        writer.write(newer, mirror=mirror)
        locked.clear()
        kept = writer.write(first, mirror=mirror)
        assert {one.reason for one in kept} == {"it holds text that the one beside the file lacks, so both are kept"}
        assert writer.write(newer, mirror=mirror) == []
        assert "Waves on sand." in (inbox / "beach.jpg.md").read_text()
        assert not mirror.exists()

    def test_without_a_mirror_it_can_be_retried(self, inbox: Path, locked: set[str]) -> None:
        path = on_disk(inbox)
        locked.add(str(inbox))
        with pytest.raises(SidecarError) as caught:
            writer.write(description_of(new_file(path)))
        assert caught.value.code == "read-only"


def test_with_skip_an_existing_sidecar_is_left_alone_and_reported(tmp_path: Path) -> None:
    file = new_file(on_disk(tmp_path))
    assert writer.write(description_of(file), existing="skip") == []
    before = (tmp_path / "beach.jpg.md").read_bytes()
    kept = writer.write(description_of(file, answers={"caption": "Sand."}), existing="skip")
    assert [one.path for one in kept] == [
        os.fsencode(tmp_path / f"beach.jpg{end}") for end in (".smolwatch.json", ".md")
    ]
    assert (tmp_path / "beach.jpg.md").read_bytes() == before


def test_nothing_is_written_through_a_link_that_replaced_the_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    on_disk(tmp_path / "real")
    with pytest.raises(SidecarError) as caught:
        writer.write(description_of(new_file(os.fsencode(tmp_path / "link" / "beach.jpg"))))
    assert caught.value.code == "gone"
    assert len(list((tmp_path / "real").iterdir())) == 1


def test_a_link_that_replaced_the_file_gets_no_sidecar(tmp_path: Path) -> None:
    (tmp_path / "beach.jpg").symlink_to("/etc/hostname")
    with pytest.raises(SidecarError):
        writer.write(description_of(new_file(os.fsencode(tmp_path / "beach.jpg"))))
    assert len(list(tmp_path.iterdir())) == 1


def test_both_sidecars_of_a_file_cost_one_sync_each_and_one_for_their_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode)))
    assert writer.write(description_of(new_file(on_disk(tmp_path)))) == []
    assert synced == [False, False, True]


def test_the_caller_can_sync_the_folder_for_many_sidecars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode)))
    unsynced: set[bytes] = set()
    for name in (b"beach.jpg", b"dunes.jpg", b"sea.jpg"):
        assert writer.write(description_of(new_file(on_disk(tmp_path, name))), unsynced=unsynced) == []
    assert unsynced == {os.fsencode(tmp_path)}
    assert synced == [False] * 6
    assert durability.sync(unsynced) == {}
    assert synced[6:] == [True]


def test_a_folder_that_cannot_be_synced_is_reported_with_the_reason(tmp_path: Path) -> None:
    (failed,) = durability.sync([os.fsencode(tmp_path / "gone")]).items()
    assert failed[0] == os.fsencode(tmp_path / "gone")
    assert (failed[1].code, str(failed[1])) == (
        "gone",
        f"The file or its folder is no longer there: {tmp_path / 'gone'}",
    )
