from __future__ import annotations

import os
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.inboxes import FolderRule, Inbox
from config.recipes import load_recipes
from config.settings import Settings
from daemon.intake.watched_inboxes import Inboxes, WatchedInbox, inboxes_of, watched
from storage.records import JobSpec
from storage.sidecars.places import BESIDE

HOME = Settings(home=Path("/home/ann/SmolWatch"))
RULES = (
    FolderRule(match="scans", recipe="document"),
    FolderRule(match="School/**", recipe="educational"),
    FolderRule(match="**/art", recipe="creative"),
    FolderRule(match="20*/*", recipe="brief"),
)


def inbox(path: str, name: str, **chosen: object) -> WatchedInbox:
    values = {"path": path, "name": name, "recipe": "default", **chosen}
    return watched(Inbox.model_validate(values), HOME)


@pytest.mark.parametrize(
    ("path", "recipe"),
    [
        ("a.jpg", "default"),
        ("scans/a.jpg", "document"),
        ("Scans/a.jpg", "document"),
        ("scans/deeper/a.jpg", "default"),
        ("school/a.jpg", "educational"),
        ("school/maths/art/a.jpg", "educational"),
        ("art/a.jpg", "creative"),
        ("x/y/art/a.jpg", "creative"),
        ("2026/trip/a.jpg", "brief"),
        ("2026/a.jpg", "default"),
        ("2026/trip/day/a.jpg", "default"),
    ],
)
def test_the_first_rule_that_matches_a_files_folder_chooses_its_recipe(path: str, recipe: str) -> None:
    assert inbox("/disk/in", "in", folder=RULES).recipe_of(b"/disk/in/" + path.encode()) == recipe


def test_folders_are_compared_in_one_unicode_form() -> None:
    rules = (FolderRule(match="B\u00fcro", recipe="document"),)
    assert inbox("/in", "in", folder=rules).recipe_of("/in/Bu\u0308ro/a.jpg".encode()) == "document"


def test_a_name_that_is_no_text_matches_no_rule_but_a_star() -> None:
    one = inbox("/in", "in", folder=(FolderRule(match="a*", recipe="document"),))
    assert one.recipe_of(b"/in/\xff/a.jpg") == "default"
    assert one.recipe_of(b"/in/a\xff/a.jpg") == "document"


def test_every_path_is_in_the_inbox_that_holds_it_and_each_asks_by_its_own_recipe() -> None:
    first, second = inbox("/disk/in", "in"), inbox("/disk/in 2", "two", recipe="brief", detail="full", folder=RULES)
    inboxes, recipes = Inboxes([first, second]), load_recipes()
    assert inboxes.of(b"/disk/in/a.jpg") is first
    assert inboxes.of(b"/disk/in 2/a.jpg") is second
    assert inboxes.of(b"/disk/in") is None
    spec = inboxes.spec_of(recipes, b"/disk/in 2/scans/a.jpg")
    assert spec is not None
    assert spec == JobSpec(recipe="document", recipe_digest=recipes["document"].digest, detail="full", inbox="two")
    assert inboxes.spec_of(recipes, b"/elsewhere/a.jpg") is None


def test_each_inbox_has_charge_of_its_own_paths_and_the_first_one_of_those_in_none() -> None:
    first, second = inbox("/a", "a"), inbox("/b", "b")
    inboxes = Inboxes([first, second])
    paths = (b"/a/x", b"/b/x", b"/c/x")
    assert [inboxes.has_charge(first, path) for path in paths] == [True, False, True]
    assert [inboxes.has_charge(second, path) for path in paths] == [False, True, False]


def test_a_recipe_that_there_is_not_is_an_error_before_any_file_comes() -> None:
    rules = (FolderRule(match="a", recipe="documents"),)
    with pytest.raises(ConfigError, match="documents"):
        Inboxes([inbox("/a", "a", folder=rules)]).check_recipes(load_recipes())


def test_patterns_and_ignored_names_hold_in_their_own_inbox_alone() -> None:
    inboxes = Inboxes([inbox("/a", "a", patterns=("*.JPG", "film ?.mp4")), inbox("/b", "b", ignore=("*.jpg",))])
    names = ("x.jpg", "film 1.mp4", "film 10.mp4", "x.png")
    assert [inboxes.reject(f"/a/{name}".encode()) is None for name in names] == [True, True, False, False]
    assert [inboxes.reject(f"/b/{name}".encode()) is None for name in names] == [False, True, True, True]
    assert inboxes.reject(b"/c/x.jpg") is None
    assert "patterns" in getattr(inboxes.reject(b"/a/x.png"), "reason", "")


def test_sidecars_are_where_each_inbox_has_them_and_beside_files_that_are_in_none(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to("in")
    inboxes = Inboxes([inbox(f"{tmp_path}/link", "a", output=f"{tmp_path}/out", formats=("md",))])
    root = os.fsencode(tmp_path.resolve())
    places = inboxes.places_of(root + b"/in/sub/a.jpg")
    assert [places.path(root + b"/in/sub/a.jpg", form) for form in places.forms] == [root + b"/out/sub/a.jpg.md"]
    assert inboxes.places_of(b"/elsewhere/a.jpg") is BESIDE


def test_a_home_without_tables_has_its_one_inbox() -> None:
    (one,) = inboxes_of(HOME)
    assert (one.name, one.root, one.places.output) == ("inbox", b"/home/ann/SmolWatch/inbox", None)
