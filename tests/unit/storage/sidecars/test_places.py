from __future__ import annotations

import os
from pathlib import Path

import pytest

from storage.errors import SidecarError
from storage.sidecars import cleanup, json, markdown, presence
from storage.sidecars.json_reader import SidecarContent, read_descriptions, state_without_reading
from storage.sidecars.places import BESIDE, SidecarPlaces, forms_named
from storage.sidecars.writer import write
from tests.support.files import by_recipe, description_of, new_file

JSON, MD = b".smolwatch.json", b".md"


class Folders:
    def __init__(self, folder: Path) -> None:
        self.root, self.output, self.mirror = (folder / name for name in ("in", "out", "mirror"))
        self.root.mkdir()
        self.places = SidecarPlaces(root=os.fsencode(self.root), output=os.fsencode(self.output))

    def drop(self, name: str) -> bytes:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"waves")
        return os.fsencode(file)

    def sidecars(self) -> list[str]:
        """All below the folders, relative to their common one."""
        top = self.root.parent
        return sorted(str(path.relative_to(top)) for path in top.rglob("*") if path.name.endswith((".md", ".json")))


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def test_a_sidecar_is_in_the_same_subfolder_of_the_output() -> None:
    places = SidecarPlaces(root=b"/in", output=b"/out")
    assert places.path(b"/in/a/b.jpg", json) == b"/out/a/b.jpg.smolwatch.json"
    assert places.path(b"/in/b.jpg", markdown) == b"/out/b.jpg.md"
    assert places.path(b"/in 2/b.jpg", markdown) == b"/in 2/b.jpg.md"
    assert (places.file_folder(b"/out"), places.file_folder(b"/out/a"), places.file_folder(b"/out 2")) == (
        b"/in",
        b"/in/a",
        b"/out 2",
    )
    assert BESIDE.path(b"/in/b.jpg", json) == b"/in/b.jpg.smolwatch.json"


@pytest.mark.parametrize(("names", "suffixes"), [(["md", "json"], [JSON, MD]), (["md"], [MD]), ([], [])])
def test_formats_are_named_by_their_endings(names: list[str], suffixes: list[bytes]) -> None:
    assert [form.SUFFIX for form in forms_named(names)] == suffixes


def test_only_the_chosen_formats_are_written_and_missed(folders: Folders) -> None:
    path = folders.drop("a.jpg")
    only_json = SidecarPlaces(forms=forms_named(["json"]))
    assert write(description_of(new_file(path)), places=only_json) == []
    assert folders.sidecars() == ["in/a.jpg.smolwatch.json"]
    assert presence.all_exist_on_disk(path, folders.mirror, only_json)
    assert not presence.all_exist_on_disk(path, folders.mirror)
    assert presence.all_exist(path, set(), SidecarPlaces(forms=()))


def test_an_output_is_filled_from_its_parent_folder_on(folders: Folders) -> None:
    path = folders.drop("a/b/c.jpg")
    synced: set[bytes] = set()
    assert write(description_of(new_file(path)), unsynced=synced, places=folders.places) == []
    assert folders.sidecars() == ["out/a/b/c.jpg.md", "out/a/b/c.jpg.smolwatch.json"]
    output = os.fsencode(folders.output)
    assert synced == {os.path.dirname(output), output, output + b"/a", output + b"/a/b"}
    assert presence.existing_sidecars(path, folders.mirror, folders.places) == [
        output + b"/a/b/c.jpg.smolwatch.json",
        output + b"/a/b/c.jpg.md",
    ]
    assert presence.sidecars_below(output) == set(presence.existing_sidecars(path, folders.mirror, folders.places))


def test_an_output_whose_disk_is_missing_is_not_created(folders: Folders) -> None:
    path = folders.drop("c.jpg")
    away = SidecarPlaces(root=os.fsencode(folders.root), output=os.fsencode(folders.root.parent / "disk" / "out"))
    with pytest.raises(SidecarError) as raised:
        write(description_of(new_file(path)), places=away)
    assert "disk/out" in str(raised.value)
    assert not (folders.root.parent / "disk").exists()


def test_a_persons_words_beside_the_file_are_in_the_first_sidecar_of_the_output(folders: Folders) -> None:
    path = folders.drop("c.jpg")
    write(description_of(new_file(path)))
    beside = Path(os.fsdecode(path + MD))
    beside.write_text(beside.read_text().replace("## Caption\n", "## Caption\n\nOur beach in Kiel.\n"))
    write(description_of(new_file(path)), places=folders.places)
    assert "Our beach in Kiel." in (folders.output / "c.jpg.md").read_text()
    assert "Our beach in Kiel." in beside.read_text()


def test_an_edited_sidecar_moves_with_its_file_into_an_output_and_out_of_it(folders: Folders) -> None:
    path, other = folders.drop("a.jpg"), os.fsencode(folders.root.parent / "b.jpg")
    description = description_of(new_file(path))
    write(description)
    text = Path(os.fsdecode(path + MD))
    text.write_text(text.read_text() + "\n## Mine\n\nKiel\n")
    cleanup.move_with_file(description, os.fsencode(folders.root / "x" / "a.jpg"), None, BESIDE, folders.places)
    assert folders.sidecars() == ["out/x/a.jpg.md"]
    moved = description_of(new_file(os.fsencode(folders.root / "x" / "a.jpg")))
    cleanup.move_with_file(moved, other, None, folders.places, BESIDE)
    assert folders.sidecars() == ["b.jpg.md"]
    assert "Kiel" in (folders.root.parent / "b.jpg.md").read_text()


def test_unedited_sidecars_are_discarded_from_the_output(folders: Folders) -> None:
    path = folders.drop("a.jpg")
    description = description_of(new_file(path))
    write(description, places=folders.places)
    assert cleanup.discard(description, folders.mirror, folders.places) == 2
    assert folders.sidecars() == []


def test_descriptions_are_read_back_from_the_output_and_from_beside_the_file(folders: Folders) -> None:
    path = folders.drop("a.jpg")
    file = new_file(path)
    assert state_without_reading(path, folders.mirror, folders.places) is SidecarContent.NONE
    write(by_recipe(description_of(file), "brief"))
    write(description_of(file), places=SidecarPlaces(**vars(folders.places)))
    assert state_without_reading(path, folders.mirror, folders.places) is None
    found = read_descriptions(file, folders.mirror, folders.places).descriptions
    assert {description.recipe.name for description in found} == {"brief", description_of(file).recipe.name}


def test_two_recipes_keep_their_parts_in_the_markdown_alone(folders: Folders) -> None:
    path = folders.drop("a.jpg")
    only_md = SidecarPlaces(forms=forms_named(["md"]))
    write(description_of(new_file(path), answers={"caption": "One."}), places=only_md)
    write(by_recipe(description_of(new_file(path), answers={"caption": "Two."}), "brief"), places=only_md)
    text = (folders.root / "a.jpg.md").read_text()
    assert "One." in text
    assert "Two." in text


def test_sidecars_return_from_the_mirror_to_the_output(folders: Folders) -> None:
    path = folders.drop("sub/a.jpg")
    there = folders.mirror / str(folders.output / "sub").lstrip("/")
    there.mkdir(parents=True)
    (there / "a.jpg.smolwatch.json").write_bytes(json.render(description_of(new_file(path))))
    folders.output.mkdir()
    entered: list[bytes] = []

    def may_enter(folder: bytes) -> bool:
        entered.append(folder)
        return True

    assert list(presence.files_to_return(folders.mirror, may_enter, folders.places)) == [path]
    assert os.path.dirname(path) in entered
    write(description_of(new_file(path)), mirror=folders.mirror, places=folders.places)
    assert folders.sidecars() == ["out/sub/a.jpg.md", "out/sub/a.jpg.smolwatch.json"]
