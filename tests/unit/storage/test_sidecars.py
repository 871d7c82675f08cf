from __future__ import annotations

import errno
import json as plain_json
import os
import stat
from pathlib import Path

import pytest

from storage import sidecars
from storage.errors import SidecarError
from storage.records import MediaKind, Quality, Segment
from storage.sidecars import Kept, json, markdown
from tests.fakes.files import description_of, new_file

HOSTILE = "a\x1b[31m](http://evil) <script>alert(1)</script> `x` | b\n# heading\n\u202e\x9b**bold** \udcff"


def on_disk(folder: Path, name: bytes = b"beach.jpg", mode: int = 0o640) -> bytes:
    path = os.fsencode(folder) + b"/" + name
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    os.fchmod(descriptor, mode)
    os.close(descriptor)
    return path


class TestJson:
    def test_it_says_the_record_and_knows_its_own(self) -> None:
        description = description_of(new_file())
        content = json.render(description)
        assert plain_json.loads(content) == description.record()
        assert json.is_ours(content)
        assert json.is_ours(plain_json.dumps(plain_json.loads(content)).encode()), "laid out anew, it is still ours"

    def test_plain_words_of_any_language_stay_readable(self) -> None:
        assert "Düne 🏖".encode() in json.render(description_of(new_file(), answers={"caption": "Düne 🏖"}))

    def test_hostile_text_is_kept_and_harmless(self) -> None:
        content = json.render(description_of(new_file(b"/inbox/bad\xff\x1b.jpg"), answers={"caption": HOSTILE}))
        loaded = plain_json.loads(content)
        assert loaded["answers"]["caption"] == HOSTILE
        assert os.fsencode(loaded["file"]["name"]) == b"bad\xff\x1b.jpg"
        text = content.decode()
        assert not {"\x1b", "\x9b", "\u202e"} & set(text)

    @pytest.mark.parametrize(
        "content",
        [b"{}", b"[]", b"", b"not json", b'{"schema": 1}', b"\xff\xfe", b"[" * 100_000, b'"smolwatch schema"'],
    )
    def test_what_others_wrote_is_not_ours(self, content: bytes) -> None:
        assert not json.is_ours(content)


class TestMarkdown:
    def test_a_video_reads_like_this(self) -> None:
        description = description_of(
            new_file(b"/inbox/beach_1.mov", kind=MediaKind.VIDEO, format="mov"),
            answers={"caption": "A beach (at dusk).", "summary": "Waves roll in."},
            timeline=(Segment(start=0.0, end=4.04, text="Waves."), Segment(start=4.04, end=3723.5, text="A | B")),
            quality=Quality(verdict="suspect", reasons=("caption: loop", "summary: cut-off")),
        )
        assert markdown.render(description).decode() == (
            "<!-- smolwatch 1 -->\n"
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
        text = markdown.plain(HOSTILE)
        assert text == (
            r"a\\x1b\[31m\]\(http://evil\) \<script\>alert\(1\)\</script\> \`x\` \| b"
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
        ("said", "written"),
        [
            ("- a", r"\- a"),
            ("+ a", r"\+ a"),
            ("1. a", r"1\. a"),
            ("=====", r"\====="),
            ("---", r"\---"),
            ("> a", r"\> a"),
            ("    code", "code"),
            ("&lt;b&gt;", r"\&lt;b\&gt;"),
            ("", ""),
        ],
    )
    def test_no_answer_starts_a_block(self, said: str, written: str) -> None:
        assert markdown.plain(said) == written

    def test_it_knows_its_own(self) -> None:
        assert markdown.is_ours(markdown.render(description_of(new_file())))
        assert not markdown.is_ours(b"# My notes\n<!-- smolwatch 1 -->\n")


class TestWrite:
    def test_both_stand_beside_the_file_with_its_mode(self, tmp_path: Path) -> None:
        description = description_of(new_file(on_disk(tmp_path, mode=0o750)))
        assert sidecars.write(description) == []
        for name, content in {
            "beach.jpg.smolwatch.json": json.render(description),
            "beach.jpg.md": markdown.render(description),
        }.items():
            assert (tmp_path / name).read_bytes() == content
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o640
        assert len(list(tmp_path.iterdir())) == 3

    def test_written_again_they_say_the_new_words(self, tmp_path: Path) -> None:
        file = new_file(on_disk(tmp_path))
        sidecars.write(description_of(file))
        assert sidecars.write(description_of(file, answers={"caption": "Dunes."})) == []
        assert "Dunes." in (tmp_path / "beach.jpg.md").read_text()
        assert "Dunes." in (tmp_path / "beach.jpg.smolwatch.json").read_text()

    def test_a_users_own_file_is_kept_and_the_other_sidecar_is_written(self, tmp_path: Path) -> None:
        description = description_of(new_file(on_disk(tmp_path)))
        (tmp_path / "beach.jpg.md").write_text("my notes")
        (kept,) = sidecars.write(description)
        assert kept == Kept(
            path=os.fsencode(tmp_path / "beach.jpg.md"), reason="a file that smolwatch did not write stands there"
        )
        assert (tmp_path / "beach.jpg.md").read_text() == "my notes"
        assert (tmp_path / "beach.jpg.smolwatch.json").read_bytes() == json.render(description)

    def test_a_name_of_255_bytes_gets_both_with_the_full_name_inside(self, tmp_path: Path) -> None:
        name = b"a" * 251 + b".jpg"
        assert sidecars.write(description_of(new_file(on_disk(tmp_path, name)))) == []
        (found,) = tmp_path.glob("*.smolwatch.json")
        assert plain_json.loads(found.read_bytes())["file"]["name"] == name.decode()
        assert len(list(tmp_path.iterdir())) == 3

    def test_a_file_that_went_away_gets_none(self, tmp_path: Path) -> None:
        with pytest.raises(SidecarError) as caught:
            sidecars.write(description_of(new_file(os.fsencode(tmp_path / "beach.jpg"))))
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
    def test_the_systems_refusal_is_named(
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
            sidecars.write(description_of(new_file(path)))
        assert caught.value.code == code


class TestWithdraw:
    def test_untouched_sidecars_go_when_the_file_went_elsewhere(self, tmp_path: Path) -> None:
        description = description_of(new_file(on_disk(tmp_path)))
        sidecars.write(description)
        (tmp_path / "beach.jpg").rename(tmp_path / "sea.jpg")
        sidecars.withdraw(description)
        assert [file.name for file in tmp_path.iterdir()] == ["sea.jpg"]
        sidecars.withdraw(description)

    def test_what_a_person_changed_or_put_there_stays(self, tmp_path: Path) -> None:
        description = description_of(new_file(on_disk(tmp_path)))
        sidecars.write(description)
        with (tmp_path / "beach.jpg.md").open("a") as file:
            file.write("my own words")
        (tmp_path / "beach.jpg.smolwatch.json").rename(tmp_path / "record")
        (tmp_path / "beach.jpg.smolwatch.json").symlink_to(tmp_path / "record")
        before = {file.name for file in tmp_path.iterdir()}
        sidecars.withdraw(description)
        assert {file.name for file in tmp_path.iterdir()} == before
