"""Mistakes that concern more than one setting of the inboxes: names, folders, outputs and recipes that do not fit."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.errors import ConfigError
from config.inboxes import Inbox
from config.recipes import Recipe, find_recipe, load_recipes

#: Folders of the home that hold smolwatch's own files.
OWN_FOLDERS = ("config", "data", "logs")
#: Always there: it is shipped, and what an inbox has here that chooses none.
DEFAULT_RECIPE = "default"


@dataclass(frozen=True, kw_only=True)
class PlacedInbox:
    """`place`: where a key of it is written, or a part of its value; else where the inbox begins."""

    inbox: Inbox
    place: Callable[[str, Sequence[str | int]], str]


def problems_between(inboxes: Sequence[PlacedInbox], home: Path) -> Iterator[str]:
    """Every mistake, each with its place. Reads the home's recipes if an inbox chooses one."""
    for number, one in enumerate(inboxes):
        for earlier in inboxes[:number]:
            yield from problems_of_two(one, earlier)
        yield from problems_of_output(one, inboxes[:number], inboxes, home)
    yield from problems_of_recipes(inboxes, home)


def problems_of_two(one: PlacedInbox, other: PlacedInbox) -> Iterator[str]:
    name, other_name = one.inbox.name, other.inbox.name
    if name == other_name:
        yield f"inbox.name = {name!r} ({one.place('name', ())}): another inbox has this name; give each one of its own"
    if relation := relation_of(one.inbox.path, other.inbox.path):
        place = one.place("path", ())
        yield f"inbox.path = {str(one.inbox.path)!r} ({place}): {relation} the inbox {other_name!r}"


def problems_of_output(
    one: PlacedInbox, earlier: Sequence[PlacedInbox], inboxes: Sequence[PlacedInbox], home: Path
) -> Iterator[str]:
    """An output must not overlap with what holds other sidecars: two files could get the same one."""
    output = one.inbox.output
    if output is None:
        return
    inputs = [(other.inbox.path, f"the inbox {other.inbox.name!r}") for other in inboxes]
    outputs = [(other.inbox.output, f"the output of {other.inbox.name!r}") for other in earlier if other.inbox.output]
    own = [(home / name, f"smolwatch's own folder {name}") for name in OWN_FOLDERS]
    for folder, what in (*inputs, *outputs, *own):
        if relation := relation_of(output, folder):
            yield f"inbox.output = {str(output)!r} ({one.place('output', ())}): {relation} {what}"


def problems_of_recipes(inboxes: Sequence[PlacedInbox], home: Path) -> Iterator[str]:
    chosen = [found for one in inboxes for found in recipes_of(one) if found[2] != DEFAULT_RECIPE]
    if not chosen:
        return
    try:
        recipes = load_recipes(home)
    except ConfigError as error:
        yield from (line.strip() for line in str(error).splitlines()[1:])
        return
    for place, key, name in chosen:
        if reason := why_unknown(name, recipes):
            yield f"{key} = {name!r} ({place}): {reason}"


def recipes_of(one: PlacedInbox) -> Iterator[tuple[str, str, str]]:
    """Every recipe that the inbox names: its place, its key and its name."""
    yield one.place("recipe", ()), "inbox.recipe", one.inbox.recipe
    for number, rule in enumerate(one.inbox.folder):
        yield one.place("folder", (number, "recipe")), "inbox.folder.recipe", rule.recipe


def why_unknown(name: str, recipes: Mapping[str, Recipe]) -> str:
    """ "" for a recipe that there is."""
    try:
        find_recipe(name, recipes)
    except ConfigError as error:
        return f"{error} {error.advice}"
    return ""


def relation_of(folder: Path, other: Path) -> str:
    """How the real folder overlaps with another: "is", "lies in" or "holds"; "" if it does not."""
    if is_same(folder, other):
        return "is"
    if lies_in(folder, other):
        return "lies in"
    return "holds" if lies_in(other, folder) else ""


def lies_in(path: Path, folder: Path) -> bool:
    return any(is_same(parent, folder) for parent in Path(os.path.realpath(path)).parents)


def is_same(path: Path, other: Path) -> bool:
    """Whether both are one folder; compared by inode, so that links and the case of names do not matter."""
    try:
        return path.samefile(other)
    except OSError:  # one of them is not there
        return os.path.realpath(path) == os.path.realpath(other)
