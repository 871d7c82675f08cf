"""The keys of all settings, and the nearest one to a name that is not a setting."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache

from config.failpoints import VARIABLE
from config.groups import Group
from config.settings import Settings

PREFIX = "SMOLWATCH_"
HOME, DEBUG = f"{PREFIX}HOME", f"{PREFIX}DEBUG"
#: Variables of smolwatch that are not settings.
NO_SETTINGS = {HOME, DEBUG, VARIABLE}
#: Fields of the settings that no layer chooses as one value. The home decides where the layers are found.
NOT_CHOSEN = {"home", "inbox_tables"}
#: How alike two names must be, from 0 to 1, for one to be suggested in place of the other.
LIKENESS = 0.75


@cache
def known_keys() -> tuple[str, ...]:
    """Every setting that a layer may choose, dotted."""
    keys: list[str] = []
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, Group):
            keys += [f"{name}.{inner}" for inner in type(field.default).model_fields]
        elif name not in NOT_CHOSEN:
            keys.append(name)
    return tuple(keys)


def nearest_key(name: str) -> str | None:
    """The setting that `name` is most like: its key, its key without the group, or its group alone."""
    near = difflib.get_close_matches(flattened(name), aliases(), n=1, cutoff=LIKENESS)
    return aliases()[near[0]] if near else None


@cache
def aliases() -> dict[str, str]:
    """Flattened names of each setting, the whole key first."""
    found = {flattened(key): key for key in known_keys()}
    for key in known_keys():
        group, _, inner = key.partition(".")
        found.setdefault(inner or group, key)
        found.setdefault(group, key)
    return found


def flattened(name: str) -> str:
    """In lower case, its parts joined by one underscore: "inbox.path", "INBOX__PATH" and "inbox_path" are the same."""
    return "_".join(filter(None, name.lower().replace(".", "_").replace("-", "_").split("_")))


def variable_of(key: str) -> str:
    return PREFIX + key.replace(".", "__").upper()


def misspelt_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables that choose nothing, each with the variable that it is most like: a setting's, or SMOLWATCH_HOME."""
    found = {}
    for name, text in environ.items():
        key = name[len(PREFIX) :]
        is_read = name.startswith(PREFIX) and ("__" in key or name in NO_SETTINGS or key.lower() in known_keys())
        if not text or is_read or not name.upper().startswith(PREFIX):
            continue
        if difflib.get_close_matches(key.lower(), ["home"], cutoff=LIKENESS):
            found[name] = HOME
        elif nearest := nearest_key(key):
            found[name] = variable_of(nearest)
    return found
