"""One pair of sidecars holds the descriptions of several recipes, each with its own edits."""

from __future__ import annotations

import json as plain_json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain, pairwise, permutations
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from config.settings import Existing
from storage.description import Description
from storage.sidecars import json, markdown
from storage.sidecars.markdown_sections import heading
from storage.sidecars.merging import Form
from storage.sidecars.recipe_parts import (
    add_missing,
    compose,
    digests,
    has_edits,
    holds_all_of,
    is_about,
    is_unedited,
)
from tests.fakes.clock import START
from tests.support.files import by_recipe, description_of, new_file
from tests.support.golden_sidecars import golden, results

FILE = new_file()
RECIPES = ("default", "alt-text", "creative")
MODES: tuple[Existing, ...] = ("fill", "skip", "append", "overwrite")


def described(recipe: str, caption: str, later: int = 0, **more: str) -> Description:
    at = START + timedelta(hours=later)
    return by_recipe(description_of(FILE, answers={"caption": caption, **more}, described_at=at), recipe)


DEFAULT = described("default", "A beach.", summary="Waves.")
ALT_TEXT = described("alt-text", "Waves on sand.")
STORY = described("creative", "Once upon a tide.", story="The sea sang.")


def sidecar(form: Form, *descriptions: Description, existing: Existing = "fill") -> bytes:
    """Described one after the other."""
    content: bytes | None = None
    for description in descriptions:
        content = compose(form, content, description, existing)
    assert content is not None
    return content


def record_of(content: bytes) -> dict[str, Any]:
    found: dict[str, Any] = plain_json.loads(content)
    return found


def test_the_sidecars_of_one_recipe_are_the_same_as_before_there_were_several() -> None:
    assert dict(results(compose)) == golden()


class TestJson:
    def test_the_first_recipe_is_on_top_as_if_it_were_alone(self) -> None:
        record = record_of(sidecar(json, DEFAULT, ALT_TEXT, STORY))
        others = record.pop("other_recipes")
        assert record == record_of(json.render(DEFAULT))
        assert others == {"alt-text": record_of(json.render(ALT_TEXT)), "creative": record_of(json.render(STORY))}

    def test_a_record_without_a_recipe_takes_the_next_description(self) -> None:
        record = record_of(json.render(DEFAULT))
        del record["recipe"]
        content = plain_json.dumps(record).encode()
        assert compose(json, content, ALT_TEXT, "fill") == json.render(ALT_TEXT)

    @pytest.mark.parametrize(
        "others",
        [
            ["mine"],
            {"alt-text": "mine"},
            {"alt-text": {"answers": {}}},
            {"alt-text": {"schema": 1, "smolwatch": "1", "written": "mine"}},
            {"alt-text": {"schema": 1, "smolwatch": "1", "other_recipes": {}}},
            {"default": {"schema": 1, "smolwatch": "1"}},
            {"": {"schema": 1, "smolwatch": "1"}},
        ],
    )
    def test_a_record_whose_other_recipes_cannot_be_rewritten_without_a_loss_is_foreign(self, others: object) -> None:
        content = plain_json.dumps(record_of(json.render(DEFAULT)) | {"other_recipes": others}).encode()
        assert not json.is_ours(content)
        assert compose(json, content, ALT_TEXT, "overwrite") is None


class TestMarkdown:
    def test_the_first_part_is_as_if_it_were_alone_and_the_others_name_their_recipe(self) -> None:
        content = sidecar(markdown, DEFAULT, ALT_TEXT)
        first = markdown.render(DEFAULT)
        assert content.startswith(first)
        further = content.removeprefix(first + b"\n").decode()
        marker, _, text = further.partition("\n\n")
        assert re.fullmatch(
            rf"<!-- smolwatch 1 2026-11-24T09:00:00Z {FILE.digest} recipe=alt-text( [0-9a-f]{{16}}){{3}} -->", marker
        )
        assert text.startswith("# beach.jpg: alt-text\n\n## Caption\n\nWaves on sand.\n\n## Figures\n")
        assert "| Recipe | alt-text 1 |" in text

    @pytest.mark.parametrize("name", ["alt text", "größe", "a>b -->", "50%", "x\n## y"])
    def test_any_name_of_a_recipe_stays_in_the_first_line(self, name: str) -> None:
        content = sidecar(markdown, DEFAULT, described(name, "Waves."))
        assert list(markdown.split(content)) == ["default", name]
        assert compose(markdown, content, described(name, "Waves."), "fill") == content

    def test_parts_that_were_appended_by_two_recipes_before_are_told_apart_by_their_statistics(self) -> None:
        first, second = markdown.render(DEFAULT), markdown.render(ALT_TEXT)
        content = compose(markdown, first + b"\n" + second, described("alt-text", "Foam.", 1), "fill") or b""
        assert content.startswith(first)
        assert list(markdown.split(content)) == ["default", "alt-text"]
        assert b"Waves on sand." not in content
        assert b"recipe=" not in content

    def test_without_statistics_the_recipe_is_that_of_the_json_sidecar(self) -> None:
        content = markdown.render(DEFAULT).partition(b"## Figures")[0]
        added = compose(markdown, content, ALT_TEXT, "fill", ["default"]) or b""
        assert list(markdown.split(added, ["default", "alt-text"])) == ["default", "alt-text"]
        assert b"A beach." in added

    def test_without_any_of_them_a_part_takes_the_next_description(self) -> None:
        content = markdown.render(DEFAULT).partition(b"## Figures")[0]
        assert compose(markdown, content, ALT_TEXT, "fill") == markdown.render(ALT_TEXT)

    def test_statistics_that_a_person_wrote_in_name_the_recipe_only_if_no_record_does(self) -> None:
        content = markdown.render(ALT_TEXT).replace(b"| Recipe | alt-text 1 |", b"| Recipe | default 1 |")
        assert list(markdown.split(content, ["alt-text"])) == ["alt-text"]
        assert list(markdown.split(content)) == ["default"]

    @pytest.mark.parametrize(
        ("answer", "title"),
        [
            ("alt_text", "Alt text"),
            ("text_in_picture", "Text in picture"),
            ("figures", r"Figures \(answer\)"),
            ("timeline", r"Timeline \(answer\)"),
        ],
    )
    def test_answers_have_headings_of_their_own(self, answer: str, title: str) -> None:
        assert heading(answer) == title
        description = described("document", "A page.", 0, **{answer: "Two bars."})
        assert markdown.answer(sidecar(markdown, DEFAULT, description), answer) == "Two bars."


@pytest.mark.parametrize("form", [json, markdown])
class TestBoth:
    @pytest.mark.parametrize("existing", MODES)
    def test_a_description_by_a_new_recipe_is_added_and_no_other_part_changes(
        self, form: Form, existing: Existing
    ) -> None:
        before = sidecar(form, DEFAULT, ALT_TEXT)
        after = compose(form, before, STORY, existing) or b""
        assert list(form.split(after)) == ["default", "alt-text", "creative"]
        assert form.split(after).items() > form.split(before).items()

    @pytest.mark.parametrize("existing", MODES)
    @pytest.mark.parametrize("description", [DEFAULT, ALT_TEXT, STORY])
    def test_the_same_description_again_changes_nothing(
        self, form: Form, existing: Existing, description: Description
    ) -> None:
        content = sidecar(form, DEFAULT, ALT_TEXT, STORY)
        assert compose(form, content, description, existing) == content

    @pytest.mark.parametrize("existing", ["fill", "overwrite"])
    def test_a_new_description_renews_the_part_of_its_recipe_alone(self, form: Form, existing: Existing) -> None:
        before = sidecar(form, DEFAULT, ALT_TEXT, STORY)
        newer = described("alt-text", "Foam.", 1)
        assert compose(form, before, newer, existing) == sidecar(form, DEFAULT, newer, STORY)

    def test_to_append_adds_to_the_part_of_its_recipe(self, form: Form) -> None:
        before = sidecar(form, DEFAULT, ALT_TEXT, STORY)
        after = compose(form, before, described("alt-text", "Foam.", 1), "append") or b""
        before_parts, after_parts = form.split(before), form.split(after)
        assert b"Waves on sand." in after_parts["alt-text"]
        assert b"Foam." in after_parts["alt-text"]
        assert [name for name in RECIPES if before_parts[name] != after_parts[name]] == ["alt-text"]

    def test_to_skip_leaves_the_part_of_its_recipe_alone(self, form: Form) -> None:
        content = sidecar(form, DEFAULT, ALT_TEXT)
        assert compose(form, content, described("alt-text", "Foam.", 1), "skip") == content

    def test_an_edited_part_makes_the_whole_sidecar_a_persons(self, form: Form) -> None:
        content = sidecar(form, DEFAULT, ALT_TEXT)
        for text in (b"A beach.", b"Waves on sand."):
            edited = content.replace(text, b"Mine.")
            assert has_edits(form, edited)
            assert not is_unedited(form, edited, DEFAULT)
        assert not has_edits(form, content)
        assert all(is_unedited(form, content, one) for one in (DEFAULT, ALT_TEXT, STORY))

    def test_it_is_about_the_bytes_of_every_part(self, form: Form) -> None:
        other = replace(ALT_TEXT, digest=new_file(content=b"higher waves").digest)
        content = sidecar(form, DEFAULT, other)
        assert digests(form, content) == {DEFAULT.digest, other.digest}
        assert is_about(form, content, DEFAULT)
        assert is_about(form, content, other)

    def test_missing_parts_are_taken_from_another_sidecar_of_the_file(self, form: Form) -> None:
        here, there = sidecar(form, DEFAULT, STORY), sidecar(form, DEFAULT, ALT_TEXT)
        both = add_missing(form, here, there)
        assert list(form.split(both)) == ["default", "creative", "alt-text"]
        assert add_missing(form, both, there) == both
        assert holds_all_of(form, both, there, DEFAULT)
        assert not holds_all_of(form, here, there, DEFAULT)
        assert not holds_all_of(form, both, there.replace(b"A beach.", b"Mine."), DEFAULT)

    @pytest.mark.parametrize("order", list(permutations((DEFAULT, ALT_TEXT, STORY))))
    def test_in_whatever_order_descriptions_are_written_again_all_answers_and_edits_are_there(
        self, form: Form, order: tuple[Description, ...]
    ) -> None:
        assert answers(form, sidecar(form, *order)) == {one.recipe.name: one.answers for one in order}
        kept = sidecar(form, ALT_TEXT).replace(b"Waves on sand.", b"Mine.")
        for description in order:
            kept = compose(form, kept, description, "fill") or b""
        assert b"Mine." in form.split(kept)["alt-text"]
        assert answers(form, kept).items() > {one.recipe.name: one.answers for one in (DEFAULT, STORY)}.items()


def answers(form: Form, content: bytes) -> dict[str, dict[str, str]]:
    """The model's answers by recipe, in sidecars without lost answers."""
    parts = form.split(content)
    if form is json:
        return {recipe: record_of(part)["answers"] for recipe, part in parts.items()}
    names = {one.recipe.name: one.answers for one in (DEFAULT, ALT_TEXT, STORY)}
    return {
        recipe: {name: markdown.answer(part, name) or "" for name in names[recipe]} for recipe, part in parts.items()
    }


WORD = re.compile(rb"mine\d+")
ANSWERS = ("caption", "summary")


@dataclass
class Folder:
    """The sidecars of a file, written and edited in any order."""

    record: bytes | None = None
    text: bytes | None = None
    count: int = 0

    def describe(self, recipe: str, existing: Existing) -> None:
        self.count += 1
        said = {name: f"model{self.count} {name}" for name in ANSWERS}
        description = described(recipe, said["caption"], self.count, summary=said["summary"])
        recorded = list(json.split(self.record)) if self.record else []
        self.record = self.written(json, self.record, description, existing, recorded)
        self.text = self.written(markdown, self.text, description, existing, recorded)

    def written(
        self, form: Form, old: bytes | None, description: Description, existing: Existing, recorded: list[str]
    ) -> bytes:
        new = compose(form, old, description, existing, recorded)
        assert new is not None
        name = description.recipe.name
        before, after = form.split(old, recorded) if old else {}, form.split(new, recorded)
        own = before.pop(name, b"")
        part = after.pop(name)
        assert contents(form, before) == contents(form, after), "no part of another recipe changes"
        kept = set() if existing == "overwrite" else set(WORD.findall(own))
        assert kept <= set(WORD.findall(part)), "no word of a person is lost"
        if existing != "skip" or not own:
            assert all(is_newest(form, part, answer, text) for answer, text in description.answers.items())
        assert compose(form, new, description, existing, recorded) == new, "it is added once"
        return new

    def edit_record(self, recipe: str, change: Callable[[dict[str, Any]], object]) -> None:
        record = record_of(self.record) if self.record else {}
        parts = [record] if json.recipe_of(record) == recipe else []
        for part in parts + [part for name, part in record.get("other_recipes", {}).items() if name == recipe]:
            change(part)
            self.record = plain_json.dumps(record).encode()

    def edit_text(self, change: Callable[[list[bytes]], None]) -> None:
        """Of the lines below the first one."""
        if self.text is not None:
            first, *lines = self.text.split(b"\n")
            change(lines)
            self.text = b"\n".join([first, *lines])


def put_answer(name: str, word: str) -> Callable[[dict[str, Any]], None]:
    return lambda part: part["answers"].update({name: word})


def put_key(word: str) -> Callable[[dict[str, Any]], None]:
    return lambda part: part.update({word: word})


def put_line(at: int, word: str) -> Callable[[list[bytes]], None]:
    return lambda lines: lines.insert(at, word.encode())


def contents(form: Form, parts: dict[str, bytes]) -> dict[str, object]:
    """Without the layout of the JSON, and the empty lines between sections of the Markdown."""
    return {name: record_of(part) if form is json else markdown.entries(part) for name, part in parts.items()}


def is_newest(form: Form, part: bytes, answer: str, text: str) -> bool:
    """Whether the part holds the model's text, or a person's in its place."""
    if form is json:
        record = record_of(part)
        return text in (record["answers"][answer], record.get("model_answers", {}).get(answer))
    section = next(item for item in markdown.entries(part)[-1].sections if item.name == f"## {heading(answer)}")
    return markdown.answer(part, answer) == text or WORD.search(section.content.encode()) is not None


def without_section(number: int) -> Callable[[list[bytes]], None]:
    """Remove a section, perhaps the statistics, or the last ones of a part."""

    def change(lines: list[bytes]) -> None:
        starts = [index for index, line in enumerate(lines) if line.startswith((b"## ", b"<!-- "))] + [len(lines)]
        found = [(start, end) for start, end in pairwise(starts) if lines[start].startswith(b"##")]
        if found:
            start, end = found[number % len(found)]
            del lines[start:end]

    return change


def without_part(lines: list[bytes]) -> None:
    """Remove the last part, unless it is the first one."""
    starts = [index for index, line in enumerate(lines) if line.startswith(b"<!-- ")]
    if starts:
        del lines[starts[-1] :]


Step = tuple[str, Any, Any]
RECIPE = st.sampled_from(RECIPES)
DESCRIBE = st.tuples(st.just("describe"), RECIPE, st.sampled_from(MODES))
EDIT = st.one_of(
    st.tuples(st.just("answer"), RECIPE, st.sampled_from(ANSWERS)),
    st.tuples(st.just("key"), RECIPE, st.none()),
    st.tuples(st.just("line"), st.integers(0, 60), st.none()),
    st.tuples(st.just("no section"), st.integers(0, 12), st.none()),
    st.tuples(st.just("no part"), st.none(), st.none()),
    st.tuples(st.just("line ends"), st.none(), st.none()),
)


@given(st.lists(DESCRIBE, min_size=1, max_size=4), st.lists(st.tuples(EDIT, EDIT | DESCRIBE, DESCRIBE), max_size=5))
def test_any_sequence_of_descriptions_and_edits_keeps_words_and_every_recipes_newest_answers(
    begin: list[Step], later: list[tuple[Step, ...]]
) -> None:
    folder = Folder()
    for number, (step, first, second) in enumerate(chain(begin, *later)):
        word = f"mine{number}"
        match step:
            case "describe":
                folder.describe(first, second)
            case "answer":
                folder.edit_record(first, put_answer(second, word))
            case "key":
                folder.edit_record(first, put_key(word))
            case "line":
                folder.edit_text(put_line(first, word))
            case "no section":
                folder.edit_text(without_section(first))
            case "no part":
                folder.edit_text(without_part)
            case "line ends":
                folder.text = folder.text and folder.text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    event(f"{len(json.split(folder.record)) if folder.record else 0} recipes")
