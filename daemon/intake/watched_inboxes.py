"""The watched inboxes with their real folders, rules and sidecar places: which one a path is in, and what it is asked.

Pure, except that the real paths are read once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from config.inboxes import ANY_FOLDERS, Inbox
from config.recipes import Recipe, find_recipe
from config.settings import Settings
from daemon.intake.filters import Filters, Rejection, case_folded, filters_of, is_below
from storage.records import JobSpec
from storage.sidecars.places import BESIDE, SidecarPlaces, forms_named


@dataclass(frozen=True, kw_only=True)
class WatchedInbox:
    """`root`: its real path, below which every path of its jobs lies."""

    settings: Inbox
    root: bytes
    filters: Filters
    places: SidecarPlaces

    @property
    def name(self) -> str:
        return self.settings.name

    def recipe_of(self, path: bytes) -> str:
        """The recipe of a file in it: that of the first rule for its folder, else the inbox's own."""
        folders = case_folded(os.path.dirname(path)[len(self.root) :]).strip("/")
        names = folders.split("/") if folders else []
        rules = self.settings.folder
        matching = (rule.recipe for rule in rules if matches(case_folded(os.fsencode(rule.match)).split("/"), names))
        return next(matching, self.settings.recipe)

    def spec_of(self, recipes: Mapping[str, Recipe], path: bytes) -> JobSpec:
        """What a new file in it is asked. Raises ConfigError for an unknown recipe."""
        recipe = find_recipe(self.recipe_of(path), recipes)
        detail = self.settings.detail
        return JobSpec(recipe=recipe.name, recipe_digest=recipe.digest, detail=detail, inbox=self.name)


class Inboxes:
    """All inboxes of a home, in the order of the settings; at least one. None is in another one."""

    def __init__(self, inboxes: Sequence[WatchedInbox]) -> None:
        self._inboxes = tuple(inboxes)

    def __iter__(self) -> Iterator[WatchedInbox]:
        return iter(self._inboxes)

    def __len__(self) -> int:
        return len(self._inboxes)

    def of(self, path: bytes) -> WatchedInbox | None:
        """The inbox that the path is below."""
        return next((inbox for inbox in self._inboxes if is_below(path, inbox.root)), None)

    def has_charge(self, inbox: WatchedInbox, path: bytes) -> bool:
        """Whether the path is this inbox's concern: it is in it. The first one also cares for paths in none."""
        return (self.of(path) or self._inboxes[0]) is inbox

    def reject(self, path: bytes) -> Rejection | None:
        """By the rules for names. Outside of all inboxes there are none."""
        inbox = self.of(path)
        return None if inbox is None else inbox.filters.reject_path(inbox.root, path)

    def places_of(self, path: bytes) -> SidecarPlaces:
        inbox = self.of(path)
        return inbox.places if inbox else BESIDE

    def spec_of(self, recipes: Mapping[str, Recipe], path: bytes) -> JobSpec | None:
        """What a new file is asked; None outside of all inboxes."""
        inbox = self.of(path)
        return None if inbox is None else inbox.spec_of(recipes, path)

    def check_recipes(self, recipes: Mapping[str, Recipe]) -> None:
        """Raises ConfigError for one that there is not."""
        for inbox in self._inboxes:
            for name in (inbox.settings.recipe, *(rule.recipe for rule in inbox.settings.folder)):
                find_recipe(name, recipes)


def inboxes_of(settings: Settings) -> Inboxes:
    return Inboxes([watched(inbox, settings) for inbox in settings.inboxes])


def watched(inbox: Inbox, settings: Settings) -> WatchedInbox:
    root = os.fsencode(os.path.realpath(inbox.path))
    output = None if inbox.output is None else os.fsencode(os.path.realpath(inbox.output))
    places = SidecarPlaces(forms=forms_named(inbox.formats), root=root, output=output)
    return WatchedInbox(settings=inbox, root=root, filters=filters_of(settings, inbox, root), places=places)


def matches(globs: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a path's folders match the glob's, one by one; "**" stands for any number of them."""
    if not globs:
        return not names
    if globs[0] == ANY_FOLDERS:
        return any(matches(globs[1:], names[count:]) for count in range(len(names) + 1))
    return bool(names) and fnmatchcase(names[0], globs[0]) and matches(globs[1:], names[1:])
