"""A description read back from its sidecar equals the written one, or is refused with a reason."""

from __future__ import annotations

import json as plain_json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.description import Description, Quality, Segment
from storage.records import MediaKind
from storage.sidecars import json, markdown, writer
from storage.sidecars.json_reader import SidecarContent, parse, read_descriptions, state_without_reading
from storage.sidecars.markdown_sections import escape, escape_lines, unescape
from storage.sidecars.merging import Form
from storage.sidecars.mirror import mirror_path
from storage.sidecars.names import sidecar_path
from storage.sidecars.recipe_parts import compose
from tests.fakes.clock import START
from tests.support.files import by_recipe, description_of, new_file

FILE = new_file()
CLIP = new_file(b"/inbox/clip.mov", b"clip", kind=MediaKind.VIDEO, format="mov")
MINE = "Grandma at the beach, 1974."


def video() -> Description:
    description = description_of(
        CLIP,
        timeline=(Segment(start=0.0, end=4.04, text="Waves."), Segment(start=4.04, end=8.0, text="A | B")),
        quality=Quality(verdict="suspect", reasons=("caption: loop",)),
    )
    return replace(
        description, stats=replace(description.stats, power="mains"), media=replace(description.media, pages=3)
    )


def changed(content: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    record = plain_json.loads(content)
    change(record)
    return plain_json.dumps(record).encode()


def answers(content: bytes, text: bytes | None = None) -> dict[str, str]:
    (description,) = parse(content, text, FILE).descriptions
    return description.answers


@pytest.mark.parametrize("description", [description_of(FILE), video()])
def test_every_field_is_read_back(description: Description) -> None:
    file = CLIP if description.digest == CLIP.digest else FILE
    assert parse(json.render(description), None, file).descriptions == (description,)


def test_it_is_about_the_present_file() -> None:
    elsewhere = new_file(b"/new/place.jpg", inode=99)
    (description,) = parse(json.render(description_of(FILE)), None, elsewhere).descriptions
    assert (description.path, description.fingerprint) == (elsewhere.path, elsewhere.fingerprint)


class TestWords:
    """The database gets the model's answers; edits stay in the sidecar."""

    def test_edited_answers_are_read_from_model_answers(self) -> None:
        mine = changed(json.render(description_of(FILE)), lambda record: record["answers"].update(caption=MINE))
        filled = json.fill(mine, description_of(FILE, described_at=START + timedelta(hours=1)))
        assert answers(filled) == {"caption": "A beach.", "summary": "A beach with waves."}

    def test_edited_answers_are_read_from_the_markdown(self) -> None:
        description = description_of(
            FILE, answers={"caption": "A *beach* [at] 3. dusk: http://x", "summary": "- Waves & co."}
        )
        mine = changed(json.render(description), lambda record: record["answers"].update(caption=MINE, summary=""))
        assert answers(mine, markdown.render(description)) == description.answers

    def test_an_answer_edited_in_both_is_read_as_edited(self) -> None:
        description = description_of(FILE)
        mine = changed(json.render(description), lambda record: record["answers"].update(caption=MINE))
        text = markdown.render(description).replace(b"A beach.", b"Ours.")
        assert answers(mine, text) == {"caption": MINE, "summary": "A beach with waves."}

    def test_a_markdown_with_other_answers_is_not_used(self) -> None:
        mine = changed(json.render(description_of(FILE)), lambda record: record["answers"].update(caption=MINE))
        text = markdown.render(description_of(FILE, answers={"caption": "Sand.", "summary": "Much sand."}))
        assert answers(mine, text)["caption"] == MINE

    def test_a_value_that_is_not_text_is_no_answer(self) -> None:
        mine = changed(json.render(description_of(FILE)), lambda record: record["answers"].update(caption=["x"]))
        assert answers(mine) == {"summary": "A beach with waves."}

    @given(st.text(max_size=40))
    def test_answers_of_the_markdown_are_read_back(self, description: str) -> None:
        assert escape(unescape(escape(description))) == escape(description)
        assert escape_lines(unescape(escape_lines(description))) == escape_lines(description)


class TestSeveralRecipes:
    FIRST = description_of(FILE)
    SECOND = by_recipe(description_of(FILE, answers={"caption": "Waves on sand."}), "alt-text")

    def both(self, form: Form) -> bytes:
        return compose(form, form.render(self.FIRST), self.SECOND, "fill") or b""

    def test_each_description_is_read_back(self) -> None:
        found = parse(self.both(json), self.both(markdown), FILE)
        assert (found.finding, found.descriptions) == (SidecarContent.WHOLE, (self.FIRST, self.SECOND))

    def test_edited_answers_are_read_from_the_part_of_the_same_recipe(self) -> None:
        def edit(record: dict[str, Any]) -> None:
            record["answers"]["caption"] = MINE
            record["other_recipes"]["alt-text"]["answers"]["caption"] = MINE

        found = parse(changed(self.both(json), edit), self.both(markdown), FILE)
        assert found.descriptions == (self.FIRST, self.SECOND)

    @pytest.mark.parametrize(
        ("change", "left"),
        [
            (lambda record: record.pop("stats"), SECOND),
            (lambda record: record.update(schema=2), SECOND),
            (lambda record: record["file"].update(digest="blake2b:00"), SECOND),
            (lambda record: record["other_recipes"]["alt-text"].pop("stats"), FIRST),
            (lambda record: record["other_recipes"]["alt-text"]["file"].update(digest="blake2b:00"), FIRST),
        ],
    )
    def test_one_that_cannot_be_imported_is_left_out(
        self, change: Callable[[dict[str, Any]], object], left: Description
    ) -> None:
        assert parse(changed(self.both(json), change), None, FILE).descriptions == (left,)

    def test_those_of_the_mirror_are_added(self, tmp_path: Path) -> None:
        (tmp_path / "beach.jpg").write_bytes(b"waves")
        file = new_file(os.fsencode(tmp_path / "beach.jpg"))
        beside = replace(self.FIRST, path=file.path)
        writer.write(beside)
        away = Path(os.fsdecode(mirror_path(tmp_path / "mirror", sidecar_path(file.path, json.SUFFIX))))
        away.parent.mkdir(parents=True)
        away.write_bytes(self.both(json).replace(b"A beach.", b"Older."))
        assert read_descriptions(file, tmp_path / "mirror").descriptions == (
            beside,
            replace(self.SECOND, path=file.path),
        )


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda record: record.update(schema=2), SidecarContent.NEWER),
        (lambda record: record["file"].update(digest="blake2b:00"), SidecarContent.OTHER_BYTES),
        (lambda record: record.pop("stats"), SidecarContent.DAMAGED),
        (lambda record: record["media"].pop("width"), SidecarContent.DAMAGED),
        (lambda record: record["media"].update(width=2**31), SidecarContent.DAMAGED),
        (lambda record: record["media"].update(width=-1), SidecarContent.DAMAGED),
        (lambda record: record["media"].update(kind="song"), SidecarContent.DAMAGED),
        (lambda record: record["media"].update(format="\ud800"), SidecarContent.DAMAGED),
        (lambda record: record["model"].update(device="a\0b"), SidecarContent.DAMAGED),
        (lambda record: record["stats"].update(peak_memory_bytes=2**63), SidecarContent.DAMAGED),
        (lambda record: record["stats"].update(tokens_per_second="fast"), SidecarContent.DAMAGED),
        (lambda record: record.update(described_at="yesterday"), SidecarContent.DAMAGED),
        (lambda record: record.update(described_at="2026-11-24T09:00:00"), SidecarContent.DAMAGED),
        (lambda record: record.update(answers={}), SidecarContent.DAMAGED),
        (lambda record: record.update(file="beach.jpg"), SidecarContent.DAMAGED),
    ],
)
def test_a_record_that_cannot_be_imported_gives_a_reason(
    change: Callable[[dict[str, Any]], object], finding: SidecarContent
) -> None:
    found = parse(changed(json.render(description_of(FILE)), change), None, FILE)
    assert (found.finding, found.descriptions) == (finding, ())


@pytest.mark.parametrize("cut", [0, 1, 40, 400])
def test_a_truncated_record_is_damaged(cut: int) -> None:
    assert parse(json.render(description_of(FILE))[:cut], None, FILE).finding is SidecarContent.DAMAGED


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from(["described_at", "file", "media", "answers", "timeline", "quality", "model", "stats"]), VALUES)
def test_no_content_of_a_record_raises(key: str, value: object) -> None:
    content = changed(json.render(video()), lambda record: record.update({key: value}))
    assert parse(content, None, CLIP).finding in SidecarContent


class TestOnDisk:
    @pytest.fixture
    def description(self, tmp_path: Path) -> Description:
        (tmp_path / "beach.jpg").write_bytes(b"waves")
        description = description_of(new_file(os.fsencode(tmp_path / "beach.jpg")))
        writer.write(description)
        return description

    def test_it_is_found_beside_the_file(self, tmp_path: Path, description: Description) -> None:
        assert read_descriptions(new_file(description.path), tmp_path / "mirror").descriptions == (description,)
        assert state_without_reading(description.path, tmp_path / "mirror") is None

    def test_it_is_found_in_the_mirror(self, tmp_path: Path, description: Description) -> None:
        mirror = tmp_path / "mirror"
        beside = sidecar_path(description.path, json.SUFFIX)
        away = Path(os.fsdecode(mirror_path(mirror, beside)))
        away.parent.mkdir(parents=True)
        Path(os.fsdecode(beside)).rename(away)
        assert read_descriptions(new_file(description.path), mirror).descriptions == (description,)
        assert state_without_reading(description.path, mirror) is None

    def test_a_markdown_alone_is_no_record_and_a_foreign_one_is_nothing(
        self, tmp_path: Path, description: Description
    ) -> None:
        (tmp_path / "beach.jpg.smolwatch.json").unlink()
        assert read_descriptions(new_file(description.path), None).finding is SidecarContent.NONE
        assert state_without_reading(description.path, tmp_path / "mirror") is SidecarContent.NO_RECORD
        (tmp_path / "beach.jpg.md").write_text("my notes")
        assert state_without_reading(description.path, tmp_path / "mirror") is SidecarContent.NONE

    def test_a_record_that_is_only_linked_is_not_followed(self, tmp_path: Path, description: Description) -> None:
        record = tmp_path / "beach.jpg.smolwatch.json"
        record.rename(tmp_path / "elsewhere")
        record.symlink_to(tmp_path / "elsewhere")
        (tmp_path / "beach.jpg.md").unlink()
        assert read_descriptions(new_file(description.path), None).finding is SidecarContent.NONE
