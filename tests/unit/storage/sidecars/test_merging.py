"""A person's edits survive every new description, unless the settings say overwrite."""

from __future__ import annotations

import json as plain_json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Existing
from storage.description import Description
from storage.sidecars import json, markdown
from storage.sidecars.merging import Field, Form, fill
from storage.sidecars.recipe_parts import compose
from tests.fakes.clock import START
from tests.support.files import description_of, new_file

KEEPING: tuple[Existing, ...] = ("fill", "skip", "append")
FILE = new_file()


def description(caption: str = "A beach.", later: int = 0, **more: str) -> Description:
    return description_of(
        FILE, answers={"caption": caption, "summary": "Waves.", **more}, described_at=START + timedelta(hours=later)
    )


def answers(content: bytes | None) -> dict[str, str]:
    found: dict[str, str] = plain_json.loads(content or b"")["answers"]
    return found


def change(content: bytes, **values: object) -> bytes:
    """A person edits answers (by name) of a JSON sidecar."""
    record = plain_json.loads(content)
    record["answers"] |= values
    return plain_json.dumps(record).encode()


class TestFill:
    OURS = Field("a", "ours"), Field("b", "ours")
    MARKS = frozenset(field.mark for field in OURS)
    NEW = Field("a", "new"), Field("b", "new")

    def test_our_own_fields_are_updated(self) -> None:
        assert fill(self.OURS, self.MARKS, self.NEW) == list(self.NEW)

    def test_edited_fields_stay_and_the_rest_is_updated(self) -> None:
        mine = Field("a", "mine")
        assert fill([mine, self.OURS[1]], self.MARKS, self.NEW) == [mine, self.NEW[1]]

    def test_added_fields_stay_in_their_place(self) -> None:
        mine = Field("c", "mine")
        assert fill([self.OURS[0], mine, self.OURS[1]], self.MARKS, self.NEW) == [self.NEW[0], mine, self.NEW[1]]

    def test_a_missing_field_is_inserted_after_its_predecessor(self) -> None:
        mine = Field("c", "mine")
        assert fill([self.OURS[0], mine], self.MARKS, self.NEW) == [*self.NEW, mine]
        assert fill([mine], self.MARKS, self.NEW) == [*self.NEW, mine]

    def test_an_emptied_field_is_written_again(self) -> None:
        assert fill([Field("a", "", empty=True), self.OURS[1]], self.MARKS, self.NEW) == list(self.NEW)

    def test_a_field_that_no_longer_applies_is_removed_unless_edited(self) -> None:
        mine = Field("b", "mine")
        assert fill(self.OURS, self.MARKS, self.NEW[:1]) == [self.NEW[0]]
        assert fill([self.OURS[0], mine], self.MARKS, self.NEW[:1]) == [self.NEW[0], mine]

    def test_a_copy_that_a_person_made_and_changed_is_theirs(self) -> None:
        copy = Field("a", "mine")
        assert fill([*self.OURS, copy], self.MARKS, self.NEW) == [*self.NEW, copy]
        assert fill([copy, *self.OURS], self.MARKS, self.NEW) == [copy, self.NEW[1]]

    def test_line_ends_and_spaces_around_lines_are_no_change(self) -> None:
        assert Field("a", "x\ny").mark == Field("a", "\r\nx  \r\ny\r\n\r\n").mark
        assert Field("a", "x\ny").mark != Field("a", "x y").mark


class TestJson:
    def test_an_edited_answer_stays_and_the_models_is_in_model_answers(self) -> None:
        mine = change(json.render(description()), caption="Our beach.")
        content = compose(json, mine, description("Sand.", 1), "fill")
        record = plain_json.loads(content or b"")
        assert record["answers"] == {"caption": "Our beach.", "summary": "Waves."}
        assert record["model_answers"] == {"caption": "Sand."}
        assert record["described_at"] == "2026-11-24T10:00:00Z"
        again = compose(json, content, description("Dunes.", 2), "fill")
        assert answers(again)["caption"] == "Our beach.", "it stays theirs"

    def test_an_edit_that_is_undone_is_the_models_again(self) -> None:
        content = compose(
            json, change(json.render(description()), caption="Our beach."), description("Sand.", 1), "fill"
        )
        content = compose(json, change(content or b"", caption="Sand."), description("Dunes.", 2), "fill")
        assert content == json.render(description("Dunes.", 2))

    def test_an_edit_stays_an_edit_if_the_model_gives_the_same_text(self) -> None:
        content = compose(json, change(json.render(description()), caption="Sand."), description("Sand.", 1), "fill")
        content = compose(json, content, description("Dunes.", 2), "fill")
        assert answers(content)["caption"] == "Sand."

    def test_added_keys_stay(self) -> None:
        record = plain_json.loads(change(json.render(description()), place="Sylt")) | {"tags": ["sea", {"deep": None}]}
        content = compose(json, plain_json.dumps(record).encode(), description("Sand.", 1), "fill")
        found = plain_json.loads(content or b"")
        assert (found["tags"], found["answers"]["place"]) == (["sea", {"deep": None}], "Sylt")

    def test_appended_to_the_newest_record_is_on_top_and_all_others_stay(self) -> None:
        first = change(json.render(description()), caption="Our beach.")
        second = compose(json, first, description("Sand.", 1), "append")
        third = compose(json, second, description("Dunes.", 2), "append")
        record = plain_json.loads(third or b"")
        assert [one["answers"]["caption"] for one in (record, *record["earlier"])] == ["Dunes.", "Sand.", "Our beach."]
        assert compose(json, third, description("Dunes.", 2), "append") == third, (
            "published again, it is not added again"
        )
        filled = plain_json.loads(compose(json, third, description("Rocks.", 3), "fill") or b"")
        assert filled["earlier"] == record["earlier"]

    def test_an_empty_answer_of_the_model_is_an_answer(self) -> None:
        assert answers(compose(json, json.render(description("")), description("", 1), "fill"))["caption"] == ""


class TestMarkdown:
    def test_an_edited_section_stays_and_the_others_are_updated(self) -> None:
        mine = markdown.render(description()).decode().replace("A beach.", "Our **beach**.\n\nIn 1987.")
        text = (compose(markdown, mine.encode(), description("Sand.", 1), "fill") or b"").decode()
        assert "Our **beach**.\n\nIn 1987." in text
        assert "Sand." not in text
        assert "| Described | 2026-11-24T10:00:00Z |" in text
        again = compose(markdown, text.encode(), description("Dunes.", 2), "fill") or b""
        assert b"In 1987." in again

    def test_an_edit_stays_an_edit_if_the_model_gives_the_same_text(self) -> None:
        mine = markdown.render(description()).replace(b"A beach.", b"Sand.")
        content = compose(markdown, mine, description("Sand.", 1), "fill")
        content = compose(markdown, content, description("Dunes.", 2), "fill")
        assert b"Sand." in (content or b"")

    def test_added_sections_and_titles_stay_in_their_place(self) -> None:
        text = markdown.render(description()).decode()
        text = text.replace("## Summary", "## Notes\n\nSee *Sylt*.\n\n## Summary").replace("# beach.jpg", "# Summer")
        found = (compose(markdown, text.encode(), description("Sand.", 1), "fill") or b"").decode()
        assert [line for line in found.splitlines() if line.startswith("#")] == [
            *("# Summer", "## Caption", "## Notes", "## Summary", "## Figures")
        ]
        assert "Sand." in found

    def test_windows_line_ends_and_other_encodings_survive(self) -> None:
        text = markdown.render(description()).replace(b"\n", b"\r\n").replace(b"A beach.", b"Sch\xf6n,\r\nund blau.")
        found = compose(markdown, text, description("Sand.", 1), "fill") or b""
        assert b"Sch\xf6n,\r\nund blau." in found
        assert b"10:00:00Z |" in found, "line ends alone make no section a person's"

    def test_appended_to_the_newest_part_comes_last_and_alone_is_filled(self) -> None:
        mine = markdown.render(description()).replace(b"A beach.", b"Our beach.")
        second = compose(markdown, mine, description("Sand.", 1), "append") or b""
        assert second.startswith(mine.rstrip(b"\n"))
        assert second.index(b"Our beach.") < second.index(b"Sand.")
        assert compose(markdown, second, description("Sand.", 1), "append") == second
        third = compose(markdown, second, description("Dunes.", 2), "fill") or b""
        assert b"Our beach." in third
        assert b"Dunes." in third
        assert b"Sand." not in third


@pytest.mark.parametrize("form", [json, markdown])
class TestBoth:
    @pytest.mark.parametrize("existing", [*KEEPING, "overwrite"])
    def test_the_same_description_again_changes_nothing(self, form: Form, existing: Existing) -> None:
        content = form.render(description())
        assert compose(form, content, description(), existing) == content

    @pytest.mark.parametrize("existing", ["fill", "overwrite"])
    def test_an_unedited_sidecar_is_written_like_a_new_one(self, form: Form, existing: Existing) -> None:
        content = form.render(description(place="Sylt"))
        assert compose(form, content, description("Sand.", 1), existing) == form.render(description("Sand.", 1))

    def test_to_skip_leaves_ours_alone(self, form: Form) -> None:
        content = form.render(description())
        assert compose(form, content, description("Sand.", 1), "skip") == content

    @pytest.mark.parametrize("existing", [*KEEPING, "overwrite"])
    def test_a_foreign_file_is_left_alone(self, form: Form, existing: Existing) -> None:
        assert compose(form, b"# My notes\n", description(), existing) is None


LINES = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), min_size=1).filter(
        lambda line: line.strip() and not line.lstrip().startswith(("#", "<!--"))
    ),
    min_size=1,
    max_size=3,
)
VALUES = st.recursive(
    st.text(min_size=1) | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
LATER = st.lists(st.tuples(st.text(max_size=20), st.sampled_from(KEEPING)), min_size=1, max_size=4)


def answers_in(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The answers of a JSON sidecar and of all that it was appended to."""
    return [record["answers"], *(answers for one in record.get("earlier", []) for answers in answers_in(one))]


@given(st.dictionaries(st.sampled_from(["caption", "summary", "place", "x/y", ""]), VALUES, max_size=3), LATER)
def test_no_answer_of_a_person_in_json_is_ever_lost(mine: dict[str, object], later: list[tuple[str, Existing]]) -> None:
    own = {name: value for name, value in mine.items() if value not in ("", None)}
    content = change(json.render(description()), **own)
    for hour, (caption, existing) in enumerate(later, start=1):
        content = compose(json, content, description(caption, hour), existing) or b""
        found = answers_in(plain_json.loads(content))
        assert all(any(one.get(name) == value for one in found) for name, value in own.items())


@given(st.lists(st.tuples(st.integers(min_value=1, max_value=30), LINES), min_size=1, max_size=4), LATER)
def test_no_line_of_a_person_in_markdown_is_ever_lost(
    mine: list[tuple[int, list[str]]], later: list[tuple[str, Existing]]
) -> None:
    lines = markdown.render(description()).decode().split("\n")
    for place, own in mine:
        lines[place:place] = own
    content = "\n".join(lines).encode()
    for hour, (caption, existing) in enumerate(later, start=1):
        content = compose(markdown, content, description(caption, hour), existing) or b""
        standing = content.decode().split("\n")
        assert all(line in standing for _, own in mine for line in own)


@given(st.binary(max_size=200), st.sampled_from(KEEPING))
def test_any_text_below_our_first_line_is_kept(tail: bytes, existing: Existing) -> None:
    content = compose(markdown, markdown.render(description()) + b"\nmine: " + tail, description("Sand.", 1), existing)
    assert content is not None
    assert (b"mine: " + tail).strip(b"\r\n") in content
